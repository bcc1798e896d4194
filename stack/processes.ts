import { execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProductCopyError } from '../src/errors.ts'

/** Processes that outlive the one that started them. */

export interface ProcessSpec {
  command: string
  args: string[]
  cwd: string
  env?: Record<string, string>
  /** Whom it runs as, where that is not us; only root can ask for it. */
  user?: User | undefined
}

export interface User {
  uid: number
  gid: number
}

/** A process as it is kept in files: the number alone may be another process's by now. */
export interface ProcessId {
  pid: number
  startedAt: string
}

export interface StartedProcess extends ProcessId {
  /** Resolves with the exit code or signal. It keeps no program running that waits for nothing else. */
  exit: Promise<number | string>
  /** @returns the first line of its output that tells of an error, or else the last one */
  words: () => string
}

/**
 * Starts a process in a group of its own, with its output in a file.
 * @throws ProductCopyError `could-not-run` when it does not start
 */
export async function startProcess(spec: ProcessSpec, logFile: string): Promise<StartedProcess> {
  const log = openSync(logFile, 'a')
  const from = fstatSync(log).size
  try {
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: { ...process.env, ...spec.env },
      ...spec.user,
      detached: true,
      stdio: ['ignore', log, log],
    })
    const exit = new Promise<number | string>((resolve) =>
      child.once('exit', (code, signal) => resolve(code ?? signal!)),
    )
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
    child.unref()
    return {
      pid: child.pid!,
      startedAt: startTime(child.pid!) ?? 'ended at once',
      exit,
      words: () => words(logFile, from),
    }
  } catch (cause) {
    throw new ProductCopyError('could-not-run', `${spec.command} does not start`, { cause })
  } finally {
    closeSync(log)
  }
}

function words(logFile: string, from: number): string {
  const lines = readFileSync(logFile)
    .toString('utf8', from)
    .split('\n')
    .filter((line) => line.trim() !== '')
  const telling = lines.find((line) => /error|fatal|exception:|denied|in use/i.test(line))
  return (telling ?? lines.at(-1) ?? 'it said nothing').trim()
}

/** @returns undefined when it has ended already */
export function processId(pid: number): ProcessId | undefined {
  const startedAt = startTime(pid)
  return startedAt === undefined ? undefined : { pid, startedAt }
}

export const isRunning = ({ pid, startedAt }: ProcessId): boolean => startTime(pid) === startedAt

/** Sends a signal to the process and its group, unless it has ended. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): void {
  if (!isRunning(id)) return
  try {
    process.kill(-id.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Sends a signal, and SIGKILL when the process has not ended in time. Resolves when it has ended. */
export async function endProcess(
  id: ProcessId,
  signal: NodeJS.Signals,
  timeoutMs: number,
): Promise<void> {
  signalProcess(id, signal)
  if (await hasEnded(id, timeoutMs)) return
  signalProcess(id, 'SIGKILL')
  if (await hasEnded(id, 10_000)) return
  throw new ProductCopyError('could-not-run', `process ${id.pid} does not end, even with SIGKILL`)
}

async function hasEnded(id: ProcessId, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs
  while (isRunning(id)) {
    if (Date.now() > end) return false
    await sleep(20)
  }
  return true
}

/** @returns when a process started, as the system words it; undefined when there is none that runs */
function startTime(pid: number): string | undefined {
  try {
    if (!existsSync('/proc/self/stat')) return startTimeByPs(pid)
    // pid (name) state ...: the name may hold anything, so that what counts comes after the last ")".
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return isOver(fields[0]!) && !hasThreads(pid) ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function startTimeByPs(pid: number): string | undefined {
  const [state, ...start] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    timeout: 5000,
  })
    .trim()
    .split(/\s+/)
  return isOver(state!) ? undefined : start.join(' ')
}

/** A killed process of many threads is a zombie before all of them have ended, and keeps its ports. */
const hasThreads = (pid: number): boolean => readdirSync(`/proc/${pid}/task`).length > 1

/** A zombie has ended; only its parent has not looked yet. */
const isOver = (state: string): boolean => state.startsWith('Z') || state.startsWith('X')
