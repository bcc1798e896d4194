import type { Database } from '../database.ts'
import { isForeseen } from '../errors.ts'

/** Errors by name, with their number. */
export type ErrorCounts = Record<string, number>

/** PostgreSQL gives numbers only. */
const NAMES: Record<string, string> = {
  '23505': 'unique_violation',
  '40001': 'serialization_failure',
  '40P01': 'deadlock_detected',
  '55P03': 'lock_not_available',
  '57014': 'query_canceled',
}
const DEADLOCKS = ['ER_LOCK_DEADLOCK', 'deadlock_detected']

export function errorName(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown }
  if (isForeseen(error) || typeof code === 'string') return NAMES[String(code)] ?? String(code)
  return typeof name === 'string' ? name : 'unknown'
}

export function countError(counts: ErrorCounts, error: unknown): void {
  const name = errorName(error)
  counts[name] = (counts[name] ?? 0) + 1
}

export const total = (counts: ErrorCounts): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

export const deadlocksIn = (counts: ErrorCounts): number =>
  DEADLOCKS.reduce((sum, name) => sum + (counts[name] ?? 0), 0)

/**
 * Counts every error with which the database answers from now on, also those that are tried again or
 * swallowed: a PostgreSQL server writes each of them to its log.
 */
export function watchErrors({ knex }: Database): { counts: ErrorCounts; stop: () => void } {
  const counts: ErrorCounts = {}
  const count = (error: unknown) => countError(counts, error)
  knex.on('query-error', count)
  return { counts, stop: () => void knex.removeListener('query-error', count) }
}
