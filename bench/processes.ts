import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
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
  const child = spawnGuarded(args, env, guard)
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

/** Runs a script to its end. @returns what it wrote to stdout */
export async function runScript(args: string[], env: Env, guard: Guard): Promise<string> {
  const child = spawnGuarded(args, env, guard)
  const written = { stdout: '', stderr: '' }
  child.stdout!.on('data', (text: Buffer) => (written.stdout += text.toString()))
  child.stderr!.on('data', (text: Buffer) => {
    written.stderr = (written.stderr + text.toString()).slice(-4000)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code === 0) return written.stdout
  throw new Error(`a process ended with ${code}: ${written.stderr}`)
}

function spawnGuarded(args: string[], env: Env, guard: Guard): ChildProcess {
  const { PATH, HOME } = process.env as Env
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: PATH!, HOME: HOME!, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const id = processId(child.pid!)
  if (id) guard.add({ end: id, signal: 'SIGKILL' })
  return child
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

/** CPU seconds of the servers since their starts, by what they are. */
export type Servers = Record<'database' | 'broker' | 'redis', number>

const SERVERS: Record<string, keyof Servers> = {
  mariadbd: 'database',
  mysqld: 'database',
  postgres: 'database',
  java: 'broker',
  'redis-server': 'redis',
}

/**
 * Begins to count CPU time. @returns a function that tells what was used since, by some processes of
 * ours and by the servers of this machine. A PostgreSQL connection that has ended counts for its server.
 */
export function countCpu(pids: number[]): () => { cpuSeconds: number; servers: Servers } {
  const own = () => pids.reduce((sum, pid) => sum + usageOf(pid).cpuSeconds, 0)
  const before = { own: own(), servers: serverCpu() }
  return () => {
    const after = serverCpu()
    const { database, broker, redis } = before.servers
    return {
      cpuSeconds: own() - before.own,
      servers: {
        database: after.database - database,
        broker: after.broker - broker,
        redis: after.redis - redis,
      },
    }
  }
}

function serverCpu(): Servers {
  const seconds = { database: 0, broker: 0, redis: 0 }
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const server = SERVERS[readFileSync(`/proc/${pid}/comm`, 'utf8').trim()]
      if (server === undefined) continue
      const { utime, stime, cutime, cstime } = timesOf(pid)
      seconds[server] += (utime + stime + cutime + cstime) / TICKS
    } catch {
      // It has ended meanwhile.
    }
  }
  return seconds
}

function timesOf(pid: number | string) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number) as [
    number,
    number,
    number,
    number,
  ]
  return { utime, stime, cutime, cstime }
}

/** What a process has used since its start. */
export function usageOf(pid: number): Usage {
  const { utime, stime } = timesOf(pid)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    cpuSeconds: (utime + stime) / TICKS,
    peakMiB: Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024),
  }
}
