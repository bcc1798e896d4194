import { randomFrom } from '../../src/compare/random.ts'

export { randomFrom, shuffled } from '../../src/compare/random.ts'

/** Random numbers that replay: the seed is printed, and SEED=n gives the same ones again. */
export function seededRandom(name: string): () => number {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  process.stderr.write(`${name}: SEED=${seed}\n`)
  return randomFrom(seed)
}
