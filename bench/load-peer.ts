import { createRequire } from 'node:module'
import { ProductCopyError } from '../src/errors.ts'

/**
 * Loads a package of `bench/package.json`. Its types are written down where it is used, so that the
 * project is checked without these packages.
 */
export function loadPeer<T>(name: string): T {
  try {
    return createRequire(import.meta.url)(name) as T
  } catch (cause) {
    throw new ProductCopyError(
      'could-not-run',
      `${name} is not installed: "npm ci --prefix bench" does it`,
      { cause },
    )
  }
}
