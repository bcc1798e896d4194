import { expect, test } from '@jest/globals'
import { expectExact, isDone, untilDone } from '../support/exact.ts'
import { terminate } from '../support/cli.ts'
import { fillAcme, newStack } from '../support/own-stack.ts'
import { request } from '../support/parties.ts'
import { describeWith } from '../support/parts.ts'
import { soak } from '../support/soak.ts'
import { until } from '../support/until.ts'

const PRODUCTS = soak(2000, 1000)
const ROUNDS = soak(5, 3)
const TARGETS = Array.from({ length: 10 }, (_, i) => `Brand ${i}`)

describeWith('rocketmq', () => {
  test('SIGTERM under full load: each process ends with 0 within 5 s, and nothing that was done comes again', async () => {
    const stack = await newStack()
    await fillAcme(stack, PRODUCTS, TARGETS)
    const env = { CHUNK_SIZE: '10', LOG_LEVEL: 'debug' }
    const answers = { answered: 0, repeated: 0 }
    const count = (line: string) => {
      if (!line.includes('"msg":"answered"')) return
      const { chunks, written } = JSON.parse(line) as { chunks: string[]; written: number }
      answers.answered += written
      answers.repeated += chunks.length - written
    }
    const start = async () => {
      const processes = [await stack.serve('job,relay,result', env)]
      for (let i = 0; i < 2; i++) processes.push(await stack.serve('consumer', env, count))
      return processes
    }

    const answered = async () => {
      const results = await stack.database.knex('copy_result').count<{ n: string }[]>({ n: '*' })
      return Number(results[0]!.n)
    }

    const ids: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const processes = await start()
      // A request for each round, and a stop by what was done: a fast machine finds no round without work.
      const before = await answered()
      ids.push(await request(stack, TARGETS))
      await until('chunks are answered', async () => (await answered()) > before + 50)
      const ends = await Promise.all(processes.map(terminate))
      for (const { code, ms } of ends) {
        expect(code).toBe(0)
        expect(ms).toBeLessThan(5000)
      }
      expect(await isDone(stack.database, ids)).toBe(false)
    }
    await start()
    await untilDone(stack.database, ids)

    const items = PRODUCTS * TARGETS.length
    await expectExact(stack.database, { ids, items, liveProducts: PRODUCTS + items })
    const chunks = await stack.database.knex('copy_chunk').count<{ n: string }[]>({ n: '*' })
    // A line comes a moment after what it tells of.
    await until('every answer is in the log', () => answers.answered >= Number(chunks[0]!.n))
    expect(answers).toEqual({ answered: Number(chunks[0]!.n), repeated: 0 })
  }, 600_000)
})
