import { setTimeout as sleep } from 'node:timers/promises'
import { copyRequestStatus, type CopyRequestStatus } from '../copy/request-status.ts'
import type { Database } from '../database.ts'

const POLL_MS = 250

/**
 * Follows requests until all are done, or until the signal.
 * @returns how they stood at the end
 */
export async function watchRequests(
  database: Database,
  ids: string[],
  onProgress: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<CopyRequestStatus[]> {
  for (;;) {
    const statuses: CopyRequestStatus[] = []
    for (const id of ids) statuses.push(await copyRequestStatus(database, id))
    const { items, pending } = sumCounts(statuses)
    onProgress(items - pending, items)
    if (signal?.aborted || statuses.every(({ state }) => state === 'done')) return statuses
    await sleep(POLL_MS, undefined, signal ? { signal } : {}).catch(() => undefined)
  }
}

/** The counts of several requests as one. */
export function sumCounts(statuses: CopyRequestStatus[]) {
  const sum = { items: 0, created: 0, existing: 0, rejected: 0, failed: 0, pending: 0 }
  for (const status of statuses) {
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += status[name]
  }
  return sum
}
