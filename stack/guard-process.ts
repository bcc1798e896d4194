// Started by guard.ts. Reads one thing to undo a line, and undoes them when the pipe ends.
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Undo } from './guard.ts'
import { endProcess } from './processes.ts'

const TIMEOUT_MS = 5000

let undos: Undo[] = []
for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line) as Undo | 'release'
  if (said === 'release') undos = []
  else undos.unshift(said)
}

// Processes first and all at once; a folder can only go when nobody writes into it any more.
await Promise.allSettled(
  undos.map(async (undo) => {
    if ('end' in undo) await endProcess(undo.end, undo.signal, TIMEOUT_MS)
    if ('run' in undo) run(undo.run)
  }),
)
for (const undo of undos) {
  if ('remove' in undo) rmSync(undo.remove, { recursive: true, force: true, maxRetries: 5 })
}

function run([command, ...args]: string[]): void {
  execFileSync(command!, args, { stdio: 'ignore', timeout: 30_000 })
}
