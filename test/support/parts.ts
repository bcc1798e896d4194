import { afterAll, describe, test } from '@jest/globals'
import path from 'node:path'
import { startGuard, type Guard } from '../../stack/guard.ts'
import { KINDS } from '../../stack/kinds.ts'
import { createPart, type Part, type PartName } from '../../stack/part.ts'
import { freePorts } from '../../stack/ports.ts'
import { firstAddress } from '../../stack/rocketmq.ts'
import { FOUND_PARTS, newPartFolder, type FoundPart, type FoundParts } from './found-parts.ts'

/** What a test gets of a part. */
export interface Reach {
  /** URL of a database in which nothing may be touched: take `newDatabase`. */
  mysql: string
  postgres: string
  /** URL: take `newKeyPrefix`. */
  redis: string
  /** Addresses: take `newTopic` and `newGroup`. */
  rocketmq: { endpoints: string; namesrv: string }
}

function found(name: PartName): FoundPart {
  const all = process.env[FOUND_PARTS]
  if (all === undefined) throw new Error('real parts are only there for test/stack')
  return (JSON.parse(all) as FoundParts)[name]
}

/** @returns undefined when the run has no such part */
export function part<Name extends PartName>(name: Name): Reach[Name] | undefined {
  const { env } = found(name)
  if (!env) return undefined
  const reach: Reach = {
    mysql: env['MYSQL_URL']!,
    postgres: env['POSTGRES_URL']!,
    redis: env['REDIS_URL']!,
    rocketmq: {
      endpoints: env['ROCKETMQ_ENDPOINTS']!,
      namesrv: firstAddress(env['ROCKETMQ_NAMESRV'] ?? ''),
    },
  }
  return reach[name]
}

/** Tests that need a real part. Without it they are skipped, or fail when REQUIRE_STACK is 1. */
export function describeWith<Name extends PartName>(
  name: Name,
  tests: (reach: Reach[Name]) => void,
): void {
  const reach = part(name)
  describe(`with ${name}`, () => {
    if (reach === undefined) withoutPart(name, found(name).missing)
    else tests(reach)
  })
}

/**
 * Tests that stop and kill an instance of their own; they start it with the function they get. It is
 * ended after the test file, however that ends.
 */
export function describeWithOwn(name: PartName, tests: (start: () => Promise<Part>) => void): void {
  const { noPrograms } = found(name)
  describe(`with a ${name} of its own`, () => {
    if (noPrograms === undefined) tests(() => startOwn(name))
    else withoutPart(name, noPrograms)
  })
}

function withoutPart(name: PartName, why = 'nobody looked for it'): void {
  const title = `needs ${name}`
  if (process.env['REQUIRE_STACK'] !== '1') return void test.skip(title, () => undefined)
  test(title, () => {
    throw new Error(`${name}: ${why} (REQUIRE_STACK is 1)`)
  })
}

let guard: Guard | undefined
afterAll(async () => {
  await guard?.undo()
  guard = undefined
})

/** Undoes what this test file has begun, when it is over or its process has ended in another way. */
export const fileGuard = (): Guard => (guard ??= startGuard())

async function startOwn(name: PartName): Promise<Part> {
  const folder = path.join(await newPartFolder(fileGuard()), name)
  const port = await freePorts(KINDS[name].ports)
  const own = createPart(KINDS[name], { folder, port }, { guard: fileGuard() })
  await own.start()
  return own
}
