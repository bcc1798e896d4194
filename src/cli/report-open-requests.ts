import { setTimeout as sleep } from 'node:timers/promises'
import { copyRequestStatus, openRequests, type CopyRequestStatus } from '../copy/request-status.ts'
import type { Database } from '../database.ts'
import { print } from './output.ts'

const POLL_MS = 1000
/** Requests that are reported at a time; with more open, the oldest. */
const MAX_REPORTED = 20

/** Prints a line for each open request whenever it has moved, and one when it is done, until the signal. */
export async function reportOpenRequests(
  database: Database,
  { json, signal }: { json: boolean; signal: AbortSignal },
): Promise<void> {
  let open = new Map<string, string>()
  while (!signal.aborted) {
    const ids = new Set([...open.keys(), ...(await openRequests(database, MAX_REPORTED))])
    const next = new Map<string, string>()
    for (const id of ids) {
      const status = await copyRequestStatus(database, id)
      const line = json ? JSON.stringify(status) : describe(status)
      if (line !== open.get(id)) await print(line)
      if (status.state !== 'done') next.set(id, line)
    }
    open = next
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
  }
}

function describe(status: CopyRequestStatus): string {
  const { id, state, items, pending, created, existing, rejected, failed } = status
  return `request ${id}: ${state}, ${items - pending} of ${items} items: ${created} created, ${existing} existing, ${rejected} rejected, ${failed} failed`
}
