import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { createRocketMqBroker } from '../../src/platform/rocketmq.ts'
import { root, startNode } from '../support/cli.ts'
import { newGroup, newTopic } from '../support/own-names.ts'
import { newPartFolder } from '../support/found-parts.ts'
import { describeWith, fileGuard } from '../support/parts.ts'
import { seededRandom } from '../support/random.ts'
import { silent } from '../support/silent.ts'
import { until } from '../support/until.ts'

const GROUPS = 64
const MESSAGES = 20_000
const CONSUMERS = 4

describeWith('rocketmq', ({ endpoints }) => {
  test('4 processes that come and go see the messages of each of 64 groups in order, and lose none', async () => {
    const random = seededRandom('order across processes')
    const topic = await newTopic()
    const consumerGroup = await newGroup()
    const folder = await newPartFolder(fileGuard())
    let started = 0
    const consumers: ChildProcess[] = []
    const join = async () => {
      const file = path.join(folder, `${started++}.log`)
      const script = path.join(root, 'test/support/order-consumer.ts')
      const child = startNode(['--import', 'tsx', script, endpoints, topic, consumerGroup, file])
      await once(child.stdout!, 'data')
      consumers.push(child)
    }
    await Promise.all(Array.from({ length: CONSUMERS }, join))

    const publishing = publishAll(endpoints, topic)
    const history = () => readHistory(folder, started)
    const published = publishing.then(() => true)
    let leaving = 0
    for (let over = false; !over;) {
      await sleep(2000 + random() * 2000)
      const [leaver] = consumers.splice(Math.floor(random() * consumers.length), 1)
      // Most leave in good order, some are killed in the middle of a message.
      const exit = once(leaver!, 'exit')
      leaver!.kill(random() < 0.1 ? 'SIGKILL' : 'SIGTERM')
      await exit
      await join()
      leaving++
      const seen = (await history()).seen.size
      over = seen === MESSAGES && (await Promise.race([published, Promise.resolve(false)]))
    }
    expect(leaving).toBeGreaterThan(1)
    await until('nothing is in hand', async () => {
      const { seen, done } = await history()
      return seen.size === MESSAGES && done.size === MESSAGES
    })
    for (const child of consumers) child.kill('SIGKILL')

    const { events } = await history()
    expect(outOfOrder(events)).toEqual([])
  }, 900_000)
})

async function publishAll(endpoints: string, topic: string): Promise<void> {
  const broker = createRocketMqBroker({
    endpoints,
    tls: false,
    prefix: '',
    topics: [topic],
    loops: 1,
    logger: silent,
  })
  const rounds = Math.floor(MESSAGES / GROUPS)
  for (let no = 0; no < rounds; no++) {
    const groups = Array.from({ length: GROUPS }, (_, group) => `g${group}`)
    await Promise.all(groups.map((group) => broker.publish({ topic, group, body: String(no) })))
  }
  // 20,000 is not a multiple of 64.
  for (let rest = 0; rest < MESSAGES % GROUPS; rest++) {
    await broker.publish({ topic, group: `g${rest}`, body: String(rounds) })
  }
  await broker.close()
}

interface HistoryEvent {
  at: bigint
  what: string
  group: string
  no: number
}

/** What all processes noted, in the order of time. */
async function readHistory(folder: string, files: number) {
  const events: HistoryEvent[] = []
  for (let file = 0; file < files; file++) {
    const text = await readFile(path.join(folder, `${file}.log`), 'utf8').catch(() => '')
    for (const line of text.split('\n')) {
      const [at, what, group, no] = line.split(' ')
      if (no !== undefined)
        events.push({ at: BigInt(at!), what: what!, group: group!, no: Number(no) })
    }
  }
  events.sort((a, b) => (a.at < b.at ? -1 : 1))
  const of = (what: string) =>
    new Set(events.filter((event) => event.what === what).map(({ group, no }) => `${group} ${no}`))
  return { events, seen: of('seen'), done: of('done') }
}

/** Messages that were seen when a later one of their group had been. */
function outOfOrder(events: HistoryEvent[]): HistoryEvent[] {
  const last = new Map<string, number>()
  return events.filter(({ what, group, no }) => {
    if (what !== 'seen') return false
    const before = last.get(group) ?? -1
    last.set(group, Math.max(before, no))
    // The same once more is allowed; the next one only after this one.
    return no < before || no > before + 1
  })
}
