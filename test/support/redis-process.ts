import path from 'node:path'
import type { ChildProcess } from 'node:child_process'
import { root, startNode } from './cli.ts'

export interface RedisProcess {
  child: ChildProcess
  /** The worker ids it has had, in order. */
  workerIds: number[]
  ended: Promise<number | null>
}

/** Starts a process that leases a worker id, makes ids, and announces progress. */
export function startRedisProcess(url: string, ttlMs: number, ...args: string[]): RedisProcess {
  const main = path.join(root, 'test/support/redis-process-main.ts')
  const child = startNode(['--import', 'tsx', main, url, `${ttlMs}`, ...args])
  const workerIds: number[] = []
  let rest = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    workerIds.push(...lines.map(Number))
  })
  child.stderr!.pipe(process.stderr, { end: false })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { child, workerIds, ended }
}
