import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProductCopyError } from '../src/errors.ts'
import type { Guard } from './guard.ts'
import { endProcess, startProcess, type ProcessSpec } from './processes.ts'

/** Where servers are, which an ordinary user's PATH leaves out. */
const MORE_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/usr/libexec', '/opt/homebrew/bin']

/** @returns the path of the first of these programs that there is, looking into `folders` first */
export function findProgram(names: string[], folders: string[] = []): string | undefined {
  const all = [...folders, ...(process.env['PATH'] ?? '').split(':'), ...MORE_FOLDERS]
  return names
    .flatMap((name) =>
      all.filter((folder) => path.isAbsolute(folder)).map((folder) => path.join(folder, name)),
    )
    .find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Runs a program to its end.
 * @throws ProductCopyError `could-not-run` with what it said when it fails or takes too long
 */
export async function runProgram(
  spec: ProcessSpec,
  { log, guard, timeoutMs }: { log: string; guard: Guard; timeoutMs: number },
): Promise<void> {
  const started = await startProcess(spec, log)
  guard.add({ end: started, signal: 'SIGKILL' })
  const given = new AbortController()
  const exit = await Promise.race([
    started.exit,
    sleep(timeoutMs, 'no end', { signal: given.signal }).catch(() => 'no end'),
  ])
  given.abort()
  if (exit === 0) return
  if (exit === 'no end') await endProcess(started, 'SIGTERM', 1000)
  const what = exit === 'no end' ? `did not end within ${timeoutMs / 1000} s` : `ended with ${exit}`
  throw new ProductCopyError(
    'could-not-run',
    `${path.basename(spec.command)} ${what}: ${started.words()}`,
  )
}
