import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until a condition holds. @throws after 20 s */
export async function until(what: string, condition: () => boolean | Promise<boolean>) {
  const end = Date.now() + 20_000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`)
    await sleep(10)
  }
}
