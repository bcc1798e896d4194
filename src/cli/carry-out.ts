import { copyRequestStatus, type CopyRequestStatus } from '../copy/request-status.ts'
import { pause } from '../platform/pause.ts'
import type { ProgressChannel } from '../platform/progress-channel.ts'
import { startParties, type Party } from '../parties.ts'
import { patientReads } from './patient-reads.ts'
import { createProgress } from './progress.ts'
import type { Session } from './session.ts'

/** How often the statuses are read at the most, and how often without being told that one has moved. */
const READ_MS = { least: 250, most: 2000 }

const STILL_MS = 10_000

export interface CarryOutOptions {
  /** The parties that this process runs meanwhile. */
  parties: readonly Party[]
  quiet: boolean
  interrupted: AbortSignal
}

/**
 * Carries requests out, with progress, until all are done or it is interrupted; without parties it
 * watches others do it.
 * @returns how the requests stood at the end
 */
export async function carryOut(
  session: Session,
  ids: string[],
  { parties, quiet, interrupted }: CarryOutOptions,
): Promise<CopyRequestStatus[]> {
  const progress = createProgress('copy', { quiet })
  const patiently = patientReads(session.logger)
  const moves = listen(session.progress, new Set(ids))
  const stillness = noticeStillness({ quiet: quiet || parties.length > 0 })
  try {
    await withParties(session, parties, async () => {
      for (;;) {
        const statuses = await patiently(() => statusesOf(session, ids))
        if (interrupted.aborted) return
        if (statuses) {
          const { items, pending } = sumCounts(statuses)
          progress.update(items - pending, items)
          if (statuses.every(({ state }) => state === 'done')) return
          stillness.look(`${items} ${pending}`)
        }
        await pause(READ_MS.least, interrupted)
        await moves.next(READ_MS.most, interrupted)
      }
    })
  } finally {
    moves.stop()
    progress.end()
  }
  return statusesOf(session, ids)
}

/** Tells who watches others what to look at, once, when nothing has moved for a while. */
function noticeStillness({ quiet }: { quiet: boolean }) {
  let seen = ''
  let since = performance.now()
  let told = quiet
  return {
    look(now: string): void {
      if (now !== seen) since = performance.now()
      seen = now
      if (told || performance.now() - since < STILL_MS) return
      told = true
      process.stderr.write(
        'product-copy: nothing has moved for 10 s; does "product-copy serve" run? "product-copy preflight" checks the parts\n',
      )
    },
  }
}

/** Waits for announcements of some requests. Each may be lost, and none is waited for without end. */
function listen(progress: ProgressChannel, ids: Set<string>) {
  let told = new AbortController()
  const stop = progress.onProgress((id) => {
    if (ids.has(id)) told.abort()
  })
  return {
    stop,
    /** Resolves when one has moved since the last call, after so many milliseconds, or at the signal. */
    async next(ms: number, signal: AbortSignal): Promise<void> {
      const either = AbortSignal.any([told.signal, signal])
      await pause(ms, either)
      told = new AbortController()
    },
  }
}

/** Runs parties beside a piece of work, and stops them whatever comes of it. */
export async function withParties(
  session: Session,
  only: readonly Party[],
  work: () => Promise<void>,
): Promise<void> {
  const parties = await startParties({ ...session, only })
  try {
    await work()
  } finally {
    await parties.stop()
  }
}

async function statusesOf({ database }: Session, ids: string[]): Promise<CopyRequestStatus[]> {
  const statuses: CopyRequestStatus[] = []
  for (const id of ids) statuses.push(await copyRequestStatus(database, id))
  return statuses
}

/** The counts of several requests as one. */
export function sumCounts(statuses: CopyRequestStatus[]) {
  const sum = { items: 0, created: 0, existing: 0, rejected: 0, failed: 0, pending: 0 }
  for (const status of statuses) {
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += status[name]
  }
  return sum
}
