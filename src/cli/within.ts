import { badInput, quoted } from '../errors.ts'

/**
 * Reads an option that is a whole number.
 * @throws ProductCopyError `bad-input`, which names the option and what is allowed
 */
export function within(
  option: string,
  text: string,
  { least, most }: { least: number; most: number },
): number {
  const value = Number(text)
  if (/^\d{1,10}$/.test(text) && value >= least && value <= most) return value
  throw badInput(`${option} is ${quoted(text)}; it must be a whole number from ${least} to ${most}`)
}
