import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterEach } from '@jest/globals'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { processId } from '../../stack/processes.ts'
import { fileGuard } from './parts.ts'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

export interface Run {
  code: number | null
  stdout: string
  stderr: string
}

export interface StartOptions {
  stdout?: 'pipe' | number
  /** (Default: the root of the project) */
  cwd?: string
}

/** Starts the command line as an installed package does. */
export function startCli(
  args: string[],
  dataDir: string,
  env: NodeJS.ProcessEnv = {},
  options: StartOptions = {},
): ChildProcess {
  const command = [path.join(root, 'dist/src/cli/main.js'), ...args]
  return startNode(command, { DATA_DIR: dataDir, ...env }, options)
}

export function startDemo(args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return startNode(['--import', 'tsx', path.join(root, 'demo/main.ts'), ...args], env)
}

export function startNode(
  args: string[],
  env: NodeJS.ProcessEnv = {},
  { stdout = 'pipe', cwd = root }: StartOptions = {},
): ChildProcess {
  // Jest's own NODE_OPTIONS and settings are not the user's.
  const { PATH, HOME, TMPDIR } = process.env
  const child = spawn(process.execPath, args, {
    cwd,
    // Port 3000 may be in use, by another test for one.
    env: { PATH, HOME, TMPDIR, LOG_LEVEL: 'warn', PORT: '0', ...env },
    stdio: ['ignore', stdout, 'pipe'],
    // A group of its own, which the guard ends when this process is killed.
    detached: true,
  })
  const id = processId(child.pid!)
  if (id) fileGuard().add({ end: id, signal: 'SIGKILL' })
  running.add(child)
  child.on('exit', () => running.delete(child))
  return child
}

/** What a failed test left running would hold up the whole run. */
const running = new Set<ChildProcess>()
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** Resolves when the process has ended and all of its output is read. */
export function finished(child: ChildProcess): Promise<Run> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

export const runCli = (args: string[], dataDir: string, env?: NodeJS.ProcessEnv): Promise<Run> =>
  finished(startCli(args, dataDir, env))

/** Ends a process with SIGTERM. @returns its exit code, and how long it took */
export async function terminate(child: ChildProcess): Promise<{ code: number | null; ms: number }> {
  const started = performance.now()
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const [code] = (await exit) as [number | null]
  return { code, ms: performance.now() - started }
}
