import { copyRequestStatus, openRequests, type CopyRequestStatus } from '../copy/request-status.ts'
import type { Database } from '../database.ts'
import { isForeseen } from '../errors.ts'
import { pause } from '../platform/pause.ts'
import { print } from './output.ts'
import { patientReads } from './patient-reads.ts'
import type { DatabaseSession } from './session.ts'

const POLL_MS = 1000
/** Requests that are reported at a time; with more open, the oldest. */
const MAX_REPORTED = 20

/** Prints a line for each open request whenever it has moved, and one when it is done, until the signal. */
export async function reportOpenRequests(
  { database, logger }: DatabaseSession,
  { json, signal }: { json: boolean; signal: AbortSignal },
): Promise<void> {
  const patiently = patientReads(logger)
  let shown = new Map<string, string>()
  while (!signal.aborted) {
    const statuses = await patiently(() => readOpen(database, [...shown.keys()]))
    const next = new Map<string, string>()
    for (const status of statuses ?? []) {
      const line = json ? JSON.stringify(status) : describe(status)
      if (line !== shown.get(status.id)) await print(line)
      if (status.state !== 'done') next.set(status.id, line)
    }
    if (statuses) shown = next
    await pause(POLL_MS, signal)
  }
}

/** The requests that are open, and those that were at the last look. */
async function readOpen(database: Database, before: string[]): Promise<CopyRequestStatus[]> {
  const ids = new Set([...before, ...(await openRequests(database, MAX_REPORTED))])
  const statuses: CopyRequestStatus[] = []
  for (const id of ids) {
    // Somebody may have deleted it meanwhile.
    const status = await copyRequestStatus(database, id).catch(undefinedForUnknown)
    if (status) statuses.push(status)
  }
  return statuses
}

function undefinedForUnknown(error: unknown): undefined {
  if (!isForeseen(error, 'not-found')) throw error
}

function describe(status: CopyRequestStatus): string {
  const { id, state, items, pending, created, existing, rejected, failed } = status
  return `request ${id}: ${state}, ${items - pending} of ${items} items: ${created} created, ${existing} existing, ${rejected} rejected, ${failed} failed`
}
