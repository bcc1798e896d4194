import type { ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'

/** MiB that a process has in memory. */
export async function memoryOf({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024)
}
