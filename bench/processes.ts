import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { processId } from '../stack/processes.ts'
import type { Guard } from '../stack/guard.ts'
import type { Env } from '../stack/part.ts'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')

/** A process that takes part in a round. */
export interface Worker {
  child: ChildProcess
  /** @returns what it has used so far */
  usage(): Usage
  /** Ends it with SIGTERM, or SIGKILL after some seconds. */
  end(): Promise<void>
}

export interface Usage {
  cpuSeconds: number
  peakMiB: number
}

const END_MS = 10_000
/** Clock ticks of /proc: 100 on every Linux that Node runs on. */
const TICKS = 100

/** Starts a process, and resolves when it has written a line with `ready` to stdout or stderr. */
export async function startWorker(
  args: string[],
  env: Env,
  ready: string,
  guard: Guard,
): Promise<Worker> {
  const { PATH, HOME } = process.env as Env
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: PATH!, HOME: HOME!, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const id = processId(child.pid!)
  if (id) guard.add({ end: id, signal: 'SIGKILL' })
  await saying(child, ready)
  return {
    child,
    usage: () => usageOf(child.pid!),
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), END_MS)
      await ended
      clearTimeout(late)
    },
  }
}

function saying(child: ChildProcess, ready: string): Promise<void> {
  let words = ''
  return new Promise((resolve, reject) => {
    const hear = (text: Buffer) => {
      words = (words + text.toString()).slice(-4000)
      if (words.includes(ready)) resolve()
    }
    child.stdout!.on('data', hear)
    child.stderr!.on('data', hear)
    child.once('exit', (code) => reject(new Error(`a process ended with ${code}: ${words}`)))
  })
}

/** What a process has used since its start. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
    peakMiB: Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024),
  }
}
