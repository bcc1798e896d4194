import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { chmodSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { badInput, isForeseen, ProductCopyError } from '../src/errors.ts'
import { lockFolder } from '../src/platform/folder-lock.ts'
import type { PartName } from './part.ts'
import type { ProcessId } from './processes.ts'

/** What is kept of a stack in its folder, from one command to the next. */
export type State = Partial<Record<PartName, PartState>>

export interface PartState {
  port: number
  processes: Record<string, ProcessId>
}

const FILE = 'stack.json'
const LOCK = /^lock\..*\.sock$/

/** One stack for each user of the machine. */
export const defaultFolder = (): string =>
  path.join(tmpdir(), `product-copy-stack-${process.getuid!()}`)

/** @returns undefined when there is no stack */
export function readState(folder: string): State | undefined {
  const file = path.join(folder, FILE)
  if (!existsSync(file)) return undefined
  checkOwner(folder)
  return JSON.parse(readFileSync(file, 'utf8')) as State
}

export function writeState(folder: string, state: State): void {
  const file = path.join(folder, FILE)
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

/**
 * Makes the folder, or takes one that is empty or holds a stack: `down` removes it with all in it.
 * @throws ProductCopyError `bad-input` for another one
 */
export function takeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true })
  checkOwner(folder)
  const names = readdirSync(folder).filter((name) => !LOCK.test(name))
  if (names.length > 0 && !names.includes(FILE)) {
    throw badInput(`${folder} is neither empty nor a stack's folder: choose another --folder`)
  }
  // PostgreSQL runs as a user of its own where we are root.
  chmodSync(folder, 0o711)
}

/** In a folder for all, somebody else could have put one of this name, or a link to one. */
function checkOwner(folder: string): void {
  const found = lstatSync(folder)
  if (!found.isDirectory() || found.uid !== process.getuid!()) {
    throw badInput(`${folder} is not a folder of yours: choose another one with --folder`)
  }
}

/** Does the work while no other command changes this stack. @throws ProductCopyError `could-not-run` */
export async function locked<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const lock = await lockFolder(folder).catch((cause: unknown) => {
    if (!isForeseen(cause)) throw cause
    throw new ProductCopyError(
      'could-not-run',
      `another "up" or "down" is at work in ${folder}: wait until it has ended`,
      { cause },
    )
  })
  try {
    return await work()
  } finally {
    await lock.release()
  }
}
