import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until a condition holds. @throws after a minute, or so many milliseconds */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 60_000,
): Promise<void> {
  const end = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`)
    await sleep(ms > 60_000 ? 200 : 10)
  }
}
