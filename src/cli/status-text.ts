import type { CopyRequestStatus } from '../copy/request-status.ts'

/** A request's status for a person. */
export function describeStatus(status: CopyRequestStatus): string {
  const { id, state, sourceBrand, targetBrands, items, pending } = status
  const { created, existing, rejected, failed } = status
  return [
    `Request ${id}: ${state}`,
    `  copies      ${sourceBrand} into ${targetBrands.join(', ')}`,
    `  items       ${items}${state === 'recorded' || state === 'expanding' ? ' so far' : ''}`,
    `  created     ${created}`,
    `  existing    ${existing}`,
    `  rejected    ${rejected}`,
    `  failed      ${failed}`,
    `  pending     ${pending}`,
  ].join('\n')
}
