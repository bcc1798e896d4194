/**
 * How long to wait after so many failures in a row: the first pause, doubled with each further one,
 * up to the longest. In milliseconds, without jitter.
 * @param failures 1 after the first
 */
export const backoff = (
  { first, longest }: { first: number; longest: number },
  failures: number,
): number => Math.min(longest, first * 2 ** (failures - 1))
