// Loaded before a process of the program, with --import: from SIGUSR2 on it takes the time of every call
// to the database and the broker and a CPU profile, and writes both to PROFILE_FILE when the process ends.
import { writeFileSync } from 'node:fs'
import { Session, type Profiler } from 'node:inspector'
import { createRequire } from 'node:module'

const file = process.env['PROFILE_FILE']!
const require = createRequire(import.meta.url)

/** How often something was waited for, and how long all of these took together. */
export interface Stage {
  name: string
  count: number
  ms: number
}
const stages = new Map<string, Stage>()
let recording = false

/** Statements, by a part of their text: the first that fits. */
const STATEMENTS: [RegExp, string][] = [
  [/^(begin|start transaction)|isolation level/i, 'begin'],
  [/^commit/i, 'commit'],
  [/^rollback/i, 'roll back'],
  [/product_unique.*(json_table|straight_join)|json_table.*product_unique|lateral/is, 'read keys'],
  [/insert into .?product_unique/i, 'insert keys'],
  [/insert into .?product\b/i, 'insert products'],
  [/insert into .?copy_result/i, 'insert the result'],
  [/insert into .?copy_chunk/i, 'insert chunks'],
  [/from .?brand/i, 'read brands'],
  [/select.*from .?product\b/is, 'read source products'],
]

function add(name: string, began: number): void {
  if (!recording) return
  const stage = stages.get(name) ?? { name, count: 0, ms: 0 }
  stages.set(name, stage)
  stage.count++
  stage.ms += performance.now() - began
}

type Method = (...given: never[]) => Promise<unknown>
function time(prototype: object, method: string, name: (...given: never[]) => string): void {
  const methods = prototype as Record<string, Method>
  const original = methods[method]!
  methods[method] = async function (...given) {
    const began = performance.now()
    try {
      return await original.apply(this, given)
    } finally {
      add(name(...given), began)
    }
  }
}

const statement = (_connection: never, { sql }: { sql: string }): string =>
  STATEMENTS.find(([pattern]) => pattern.test(sql))?.[1] ??
  sql.replaceAll(/[`"]/g, '').replaceAll(/\s+/g, ' ').trim().slice(0, 60)

for (const dialect of ['mysql2', 'postgres']) {
  const Client = require(`knex/lib/dialects/${dialect}/index.js`) as { prototype: object }
  // mysql2's own class inherits it.
  if (!Object.hasOwn(Client.prototype, '_query')) {
    const inherited = (Client.prototype as Record<string, Method>)['_query']!
    Object.assign(Client.prototype, { _query: inherited })
  }
  time(Client.prototype, '_query', statement)
}
const { Producer, SimpleConsumer } = require('rocketmq-client-nodejs') as {
  Producer: { prototype: object }
  SimpleConsumer: { prototype: object }
}
time(Producer.prototype, 'send', () => 'publish a message')
time(SimpleConsumer.prototype, 'receive', () => 'wait for a message')
time(SimpleConsumer.prototype, 'ackMessageViaRpc', () => 'acknowledge')

const session = new Session()
session.connect()

process.once('SIGUSR2', () => {
  recording = true
  session.post('Profiler.enable')
  session.post('Profiler.start')
})
process.once('exit', () => {
  let profile: Profiler.Profile | undefined
  session.post('Profiler.stop', (_, stopped) => (profile = stopped?.profile))
  writeFileSync(`${file}.cpuprofile`, JSON.stringify(profile))
  writeFileSync(`${file}.stages.json`, JSON.stringify([...stages.values()]))
})
