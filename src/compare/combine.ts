import type { ErrorCounts } from './errors.ts'
import type { Measured, Speed } from './measure.ts'
import type { Count, ServerCounts } from './server-counters.ts'

type Round = Measured & { server: ServerCounts }

/** One way's rounds as one: the median of the speeds, and the sum of all that was counted. */
export function combine(rounds: Round[]): Round {
  const sum = (of: (round: Round) => number) => rounds.reduce((all, round) => all + of(round), 0)
  const count = (of: (server: ServerCounts) => Count) => addCounts(rounds.map((r) => of(r.server)))
  return {
    single: medianOf(rounds.map(({ single }) => single)),
    bulk: medianOf(rounds.map(({ bulk }) => bulk)),
    duplicates: sum((round) => round.duplicates),
    missing: sum((round) => round.missing),
    readds: rounds[0]!.readds.map((_, nth) => ({
      created: sum(({ readds }) => readds[nth]!.created),
      revived: sum(({ readds }) => readds[nth]!.revived),
      not: sum(({ readds }) => readds[nth]!.not),
    })),
    deletedRows: {
      kept: sum(({ deletedRows }) => deletedRows.kept),
      of: sum(({ deletedRows }) => deletedRows.of),
    },
    answers: {
      right: sum(({ answers }) => answers.right),
      wrong: sum(({ answers }) => answers.wrong),
      none: sum(({ answers }) => answers.none),
      error: sum(({ answers }) => answers.error),
    },
    errors: addErrors(rounds.map(({ errors }) => errors)),
    databaseErrors: addErrors(rounds.map(({ databaseErrors }) => databaseErrors)),
    server: {
      deadlocks: count(({ deadlocks }) => deadlocks),
      rollbacks: count(({ rollbacks }) => rollbacks),
      logErrors: count(({ logErrors }) => logErrors),
    },
  }
}

/** Of an even number the slower one of the two in the middle. */
function medianOf(speeds: Speed[]): Speed {
  const sorted = speeds.toSorted((a, b) => a.createdPerSecond - b.createdPerSecond)
  return sorted[Math.floor((sorted.length - 1) / 2)]!
}

function addErrors(all: ErrorCounts[]): ErrorCounts {
  const counts: ErrorCounts = {}
  for (const [name, count] of all.flatMap((one) => Object.entries(one))) {
    counts[name] = (counts[name] ?? 0) + count
  }
  return counts
}

/** What was out of sight once is not known. */
const addCounts = (counts: Count[]): Count =>
  counts.reduce((sum, count) =>
    typeof sum === 'number' && typeof count === 'number' ? sum + count : 'not visible',
  )
