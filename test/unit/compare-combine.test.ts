import { expect, test } from '@jest/globals'
import { combine } from '../../src/compare/combine.ts'

const speed = (createdPerSecond: number) => ({
  asked: 100,
  created: 50,
  seconds: 1,
  askedPerSecond: 100,
  createdPerSecond,
})
const round = (speeds: [number, number], deadlocks: number | 'not visible') => ({
  single: speed(speeds[0]),
  bulk: speed(speeds[1]),
  duplicates: 2,
  missing: 1,
  readds: [{ created: 3, revived: 0, not: 1 }],
  deletedRows: { kept: 4, of: 5 },
  answers: { right: 6, wrong: 1, none: 2, error: 3 },
  errors: { ER_DUP_ENTRY: 7 },
  databaseErrors: { ER_DUP_ENTRY: 8, ER_LOCK_DEADLOCK: 1 },
  server: { deadlocks, rollbacks: 1, logErrors: 0 },
})

test('speeds are medians, all else is added up, and what was out of sight once stays so', () => {
  const rounds = [round([10, 900], 1), round([30, 100], 'not visible'), round([20, 500], 1)]
  expect(combine(rounds)).toEqual({
    single: speed(20),
    bulk: speed(500),
    duplicates: 6,
    missing: 3,
    readds: [{ created: 9, revived: 0, not: 3 }],
    deletedRows: { kept: 12, of: 15 },
    answers: { right: 18, wrong: 3, none: 6, error: 9 },
    errors: { ER_DUP_ENTRY: 21 },
    databaseErrors: { ER_DUP_ENTRY: 24, ER_LOCK_DEADLOCK: 3 },
    server: { deadlocks: 'not visible', rollbacks: 3, logErrors: 0 },
  })
})
