import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Guard } from '../stack/guard.ts'
import { bareName } from './limit.ts'
import { runScript } from './processes.ts'
import type { Place, Run, Way } from './way.ts'

/** The whole path in one process, with the database and the broker in it. */
export const oursEmbedded = (products: number, guard: Guard): Way => ({
  name: 'product-copy, embedded, default chunks',
  kind: 'ours',
  database: 'embedded',
  products,
  run: (place) => runAlone(place, guard),
})

/** What the embedded database takes from one script. */
export const limitEmbedded = (products: number, size: number, guard: Guard): Way => ({
  name: bareName(size, 'embedded'),
  kind: 'limit',
  database: 'embedded',
  products,
  run: (place) => runAlone(place, guard, size),
})

/**
 * In a process of its own, for nobody else can open its folder meanwhile; it also checks what came of
 * it, since the memory that an embedded database takes would stay with this process.
 */
async function runAlone(
  { env, products, warmUp }: Place,
  guard: Guard,
  size?: number,
): Promise<Run> {
  const folder = await mkdtemp(path.join(tmpdir(), 'product-copy-bench-'))
  guard.add({ remove: folder })
  try {
    const numbers = [products, warmUp, ...(size === undefined ? [] : [size])].map(String)
    const args = ['--import', 'tsx', 'bench/embedded-process.ts', ...numbers]
    // Without the servers' variables, or the program would use those.
    const own = { DATA_DIR: folder, LOG_LEVEL: env['LOG_LEVEL']! }
    const run = JSON.parse(await runScript(args, own, guard)) as Run
    // The database and the broker are in the process; the machine's servers did nothing for it.
    return { ...run, servers: { database: 0, broker: 0, redis: 0 } }
  } finally {
    await rm(folder, { recursive: true })
  }
}
