import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import type { Database } from '../../src/database.ts'
import { expectExact, isDone, untilDone } from '../support/exact.ts'
import { fillAcme, newStack } from '../support/own-stack.ts'
import { request } from '../support/parties.ts'
import { describeWith } from '../support/parts.ts'
import { seededRandom } from '../support/random.ts'
import { soak } from '../support/soak.ts'

const PRODUCTS = 2000
const TARGETS = Array.from({ length: 10 }, (_, i) => `Brand ${i}`)
const KILLS = soak(20, 6)
/** A killed process's messages are hidden for up to 10 s; then they reach another one. */
const MOVES_ON_MS = 15_000
/** They may reach it so early: what is in hand for long was hidden anew at most 3 s before the kill. */
const HIDDEN_AT_LEAST_MS = 7000
/** Small chunks stretch the copy over the time of all kills. */
const ENV = { CHUNK_SIZE: '10' }
const DEBUG = { ...ENV, LOG_LEVEL: 'debug' }

describeWith('rocketmq', () => {
  test('one of 3 consumers is killed again and again with chunks in hand: its queues move on, the counts are exact', async () => {
    const random = seededRandom('kills')
    const stack = await newStack()
    const { database } = stack
    await fillAcme(stack, PRODUCTS, TARGETS)
    const ids = [await request(stack, TARGETS), await request(stack, TARGETS)]
    await stack.serve('job,relay,result', ENV)
    const startConsumer = async () => watch(await stack.serve('consumer', DEBUG))
    const consumers = [await startConsumer(), await startConsumer(), await startConsumer()]

    /** When each chunk was last in the hands of a process that was killed. */
    const killedWith = new Map<string, number>()
    const allKills: number[] = []
    for (let kills = 0; kills < KILLS;) {
      await sleep(random() * 1000)
      // Where all is done, the same once more: every item is there already.
      if (await isDone(database, ids)) ids.push(await request(stack, TARGETS))
      const busy = consumers.filter(({ inHand }) => inHand.size > 0)
      const victim = busy[Math.floor(random() * busy.length)]
      if (!victim) continue
      const { child, inHand } = victim
      // 'close' comes when all that it said before has been read.
      const exit = once(child, 'close')
      child.kill('SIGKILL')
      const killed = Date.now()
      allKills.push(killed)
      await exit
      if (inHand.size > 0) kills++
      for (const chunk of inHand) killedWith.set(chunk, killed)
      consumers[consumers.indexOf(victim)] = await startConsumer()
    }
    await untilDone(database, ids)
    const items = PRODUCTS * TARGETS.length
    await expectExact(database, { ids, items, liveProducts: PRODUCTS + items })
    const movedAfter = await answeredAfter(database, killedWith, allKills)
    process.stderr.write(`kills: chunks in hand were answered after ${movedAfter.join(', ')} ms\n`)
    expect(Math.max(...movedAfter)).toBeLessThan(MOVES_ON_MS)
  }, 900_000)
})

/** A consumer, and the chunks that it has in hand, as it says itself. */
interface Watched {
  child: ChildProcess
  inHand: Set<string>
}

function watch(child: ChildProcess): Watched {
  const inHand = new Set<string>()
  let rest = ''
  child.stderr!.on('data', (text: Buffer) => {
    const lines = (rest + text.toString()).split('\n')
    rest = lines.pop()!
    for (const line of lines.filter((one) => one.includes('"chunks"'))) {
      const { chunks, msg } = JSON.parse(line) as { chunks: string[]; msg: string }
      for (const chunk of chunks) {
        if (msg === 'begun') inHand.add(chunk)
        else inHand.delete(chunk)
      }
    }
  })
  return { child, inHand }
}

/**
 * @returns how long after a kill each chunk had its result; one may have been committed just before. Where
 * another process was killed when the chunk could be received again, it counts from there: that one may have
 * received it, and had no time to say so.
 */
async function answeredAfter(
  { knex }: Database,
  killedWith: Map<string, number>,
  allKills: number[],
) {
  const times: number[] = []
  for (const [chunk, killed] of killedWith) {
    const [request_id, chunk_no] = chunk.split(':')
    const row = await knex('copy_result')
      .where({ request_id, chunk_no: Number(chunk_no) })
      .first<{ create_date: Date }>('create_date')
    const answered = row.create_date.getTime()
    const hidden = (since: number, kill: number) =>
      kill >= since + HIDDEN_AT_LEAST_MS && kill < answered ? kill : since
    times.push(answered - allKills.reduce(hidden, killed))
  }
  return times
}
