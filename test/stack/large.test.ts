import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { audit, isClean } from '../../src/products/audit.ts'
import { copyRequestStatus } from '../../src/copy/request-status.ts'
import { isDone, untilDone } from '../support/exact.ts'
import { memoryOf } from '../support/memory.ts'
import { fillAcme, newStack } from '../support/own-stack.ts'
import { request } from '../support/parties.ts'
import { describeWith } from '../support/parts.ts'

const PRODUCTS = 10_000
const TARGETS = Array.from({ length: 10 }, (_, i) => `Brand ${i}`)
const ITEMS = PRODUCTS * TARGETS.length

describeWith('rocketmq', () => {
  test('100,000 products are copied by 3 consumer processes, and their memory stays flat', async () => {
    const stack = await newStack()
    const { database } = stack
    await fillAcme(stack, PRODUCTS, TARGETS)
    const processes = [await stack.serve('job,relay,result')]
    for (let i = 0; i < 3; i++) processes.push(await stack.serve('consumer'))
    const id = await request(stack, TARGETS)

    const samples: number[][] = processes.map(() => [])
    while (!(await isDone(database, [id]))) {
      for (const [index, child] of processes.entries()) samples[index]!.push(await memoryOf(child))
      await sleep(100)
    }
    await untilDone(database, [id])
    expect(await copyRequestStatus(database, id)).toMatchObject({ items: ITEMS, created: ITEMS })
    const audited = await audit(database)
    expect(isClean(audited)).toBe(true)
    expect(audited.liveProducts).toBe(PRODUCTS + ITEMS)

    for (const [index, series] of samples.entries()) {
      expect(series.length).toBeGreaterThan(10)
      const half = Math.floor(series.length / 2)
      const [first, second] = [Math.max(...series.slice(0, half)), Math.max(...series.slice(half))]
      process.stderr.write(`process ${index}: ${first} MiB at most, then ${second} MiB\n`)
      expect(second).toBeLessThan(300)
    }
  }, 600_000)
})
