import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Guard } from '../../stack/guard.ts'
import type { Env, PartName } from '../../stack/part.ts'

/** What a run has of each real part; start-parts.ts finds it, and hands it to the tests' processes. */
export interface FoundPart {
  /** Where it came from: `environment`, `container` or `programs`. */
  from?: string
  env?: Env
  /** Why it is not there, and what would bring it. */
  missing?: string
  /** Why tests cannot start one of their own. */
  noPrograms?: string
}
export type FoundParts = Record<PartName, FoundPart>

/** The variable that holds them, as JSON. */
export const FOUND_PARTS = 'FOUND_PARTS'

/** A folder that the guard removes. */
export async function newPartFolder(guard: Guard): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'product-copy-parts-'))
  guard.add({ remove: folder })
  // PostgreSQL runs as a user of its own where we are root.
  await chmod(folder, 0o711)
  return folder
}

/** A name that nobody has: letters, digits and one underscore. */
export const newName = (prefix: string): string =>
  `${prefix}_${randomUUID().replaceAll('-', '').slice(0, 16)}`
