import { expect, test } from '@jest/globals'
import { messageGroup } from '../../src/products/message-group.ts'

const groups = (shards: number) =>
  Array.from({ length: shards }, (_, shard) => messageGroup(shard, shards))

// That each has a queue of its own then is shown with RocketMQ itself, in test/stack/rocketmq.test.ts.
test('message groups are stable: other producers may write them down', () => {
  expect(groups(1)).toEqual(['shard-0'])
  expect(groups(8)).toEqual([
    'shard-0',
    'shard-1.9',
    'shard-2.1',
    'shard-3.10',
    'shard-4.3',
    'shard-5.2',
    'shard-6.7',
    'shard-7.4',
  ])
})

test('each shard has its own, and RocketMQ takes it', () => {
  const all = groups(1024)
  expect(new Set(all).size).toBe(1024)
  expect(Math.max(...all.map((group) => Buffer.byteLength(group)))).toBeLessThan(64)
})
