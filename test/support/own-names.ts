import { afterAll } from '@jest/globals'
import { Redis } from 'ioredis'
import { createTopics, deleteTopics } from '../../stack/commands.ts'
import { createGroup, createTopic, deleteGroup, deleteTopic } from '../../stack/rocketmq-admin.ts'
import { runSql, type SqlPart } from '../../stack/sql.ts'
import { newName } from './found-parts.ts'
import { part } from './parts.ts'

/**
 * What a test file uses on a part has names of its own, so that two runs can go side by side and a
 * user's data is never touched. All of it is removed after the file's `describe` blocks: close what
 * uses it before.
 */

const removals: (() => Promise<unknown>)[] = []
afterAll(async () => {
  // Topics before groups, as they were made; one that fails must not keep the others.
  const results = await Promise.allSettled(removals.splice(0).map((remove) => remove()))
  for (const result of results) if (result.status === 'rejected') throw result.reason
})

/** An empty database. @returns its URL */
export async function newDatabase(name: SqlPart): Promise<string> {
  const database = newName('product_copy_test')
  const server = part(name)!
  if (name === 'mysql') {
    await runSql(name, server, `create database ${database} character set utf8mb4`)
    removals.push(() => runSql(name, server, `drop database if exists ${database}`))
  } else {
    await runSql(name, server, `create database ${database}`)
    removals.push(() => runSql(name, server, `drop database if exists ${database} with (force)`))
  }
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}

/** @returns what every key of the test begins with */
export function newKeyPrefix(): string {
  const prefix = `${newName('product-copy-test')}:`
  removals.push(() => removeKeys(prefix))
  return prefix
}

/** An empty FIFO topic. @returns its name */
export async function newTopic(queues = 8, type: 'FIFO' | 'NORMAL' = 'FIFO'): Promise<string> {
  const topic = newName('PRODUCT_COPY_TEST')
  const { namesrv } = part('rocketmq')!
  removals.push(() => deleteTopic(namesrv, topic))
  await createTopic(namesrv, topic, { queues, type })
  return topic
}

/** An orderly consumer group. @returns its name */
export async function newGroup(maxRetries = 16, { orderly = true } = {}): Promise<string> {
  const group = newName('product-copy-test')
  const { namesrv } = part('rocketmq')!
  removals.push(() => deleteGroup(namesrv, group))
  await createGroup(namesrv, group, { orderly, maxRetries })
  return group
}

/**
 * The product's own topics and groups. Those of a broker of the test's own end with it.
 * @returns what their names begin with, for ROCKETMQ_PREFIX
 */
export async function newPrefix(own?: { namesrv: string }): Promise<string> {
  const { namesrv } = own ?? part('rocketmq')!
  const prefix = `${newName('test')}_`
  if (!own) removals.push(() => deleteTopics(namesrv, prefix))
  await createTopics(namesrv, prefix)
  return prefix
}

async function removeKeys(prefix: string): Promise<void> {
  const redis = new Redis(part('redis')!, { commandTimeout: 5000, maxRetriesPerRequest: 1 })
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
      if ((keys as string[]).length > 0) await redis.del(keys as string[])
    }
  } finally {
    redis.disconnect()
  }
}
