import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createSnowflake } from '../../src/platform/snowflake.ts'

test('a hundred thousand ids within one millisecond are all different and grow', () => {
  const newId = createSnowflake({ workerId: 1, now: () => 1_800_000_000_000 })
  let last = 0n
  for (let i = 0; i < 100_000; i++) {
    const id = BigInt(newId())
    expect(id > last).toBe(true)
    last = id
  }
  expect(last < 1n << 63n).toBe(true)
})

test('a clock that is set back does not turn them back', () => {
  let now = 1_800_000_000_000
  const newId = createSnowflake({ workerId: 1, now: () => now })
  const before = BigInt(newId())
  now -= 60_000
  expect(BigInt(newId()) > before).toBe(true)
})

test('ids of different workers differ within the same millisecond', () => {
  const now = () => 1_800_000_000_000
  const ids = [1, 2, 1023].flatMap((workerId) => {
    const newId = createSnowflake({ workerId, now })
    return Array.from({ length: 5000 }, newId)
  })
  expect(new Set(ids).size).toBe(ids.length)
})

test('ids go on after the greatest one that is known', () => {
  const newId = createSnowflake({ workerId: 0, now: () => 1_800_000_000_000 })
  const last = newId()
  const next = createSnowflake({ workerId: 0, after: last, now: () => 1_700_000_000_000 })()
  expect(BigInt(next) > BigInt(last)).toBe(true)
})

test.each([-1, 1024, 0.5])('worker id %d is refused', (workerId) => {
  expect(() => createSnowflake({ workerId })).toThrow('from 0 to 1023')
})

test('ids grow and carry the worker id, whatever clock and worker id do', () => {
  const start = 1_800_000_000_000
  const step = fc.oneof(
    fc.record({ clock: fc.integer({ min: -5000, max: 5000 }) }),
    fc.record({ worker: fc.constantFrom(0, 1, 2, 1023) }),
    fc.record({ make: fc.constantFrom(1, 2, 4096, 5000) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let now = start
      let worker = 1
      let last = 0n
      const newId = createSnowflake({ workerId: () => worker, now: () => now })
      for (const { clock = 0, worker: next = worker, make = 1 } of steps as Step[]) {
        now += clock
        worker = next
        for (let i = 0; i < make; i++) {
          const id = BigInt(newId())
          if (id <= last) return false
          if (Number((id >> 12n) & 1023n) !== worker) return false
          last = id
        }
      }
      return true
    }),
  )
})

interface Step {
  clock?: number
  worker?: number
  make?: number
}

test('a worker id that changes to an impossible one is refused', () => {
  let worker = 1
  const newId = createSnowflake({ workerId: () => worker })
  worker = 1024
  expect(newId).toThrow('from 0 to 1023')
})
