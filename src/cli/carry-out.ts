import { setTimeout as sleep } from 'node:timers/promises'
import { copyRequestStatus, type CopyRequestStatus } from '../copy/request-status.ts'
import { startParties } from '../parties.ts'
import { createProgress } from './progress.ts'
import type { Session } from './session.ts'

const POLL_MS = 250

export interface CarryOutOptions {
  quiet: boolean
  interrupted: AbortSignal
}

/**
 * Carries requests out, with progress, until all are done or it is interrupted. The embedded database
 * has one process at a time, so that who watches also does the work.
 * @returns how the requests stood at the end
 */
export async function carryOut(
  session: Session,
  ids: string[],
  { quiet, interrupted }: CarryOutOptions,
): Promise<CopyRequestStatus[]> {
  const progress = createProgress('copy', { quiet })
  try {
    await withParties(session, async () => {
      for (;;) {
        const statuses = await statusesOf(session, ids)
        const { items, pending } = sumCounts(statuses)
        progress.update(items - pending, items)
        if (interrupted.aborted || statuses.every(({ state }) => state === 'done')) return
        await sleep(POLL_MS, undefined, { signal: interrupted }).catch(() => undefined)
      }
    })
  } finally {
    progress.end()
  }
  return statusesOf(session, ids)
}

/** Runs all parties beside a piece of work, and stops them whatever comes of it. */
export async function withParties(session: Session, work: () => Promise<void>): Promise<void> {
  const { database, newId, config, logger } = session
  const settings = { chunkSize: config.CHUNK_SIZE, shards: config.SHARDS }
  const parties = await startParties({ database, newId, settings, logger })
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
