import { expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { allGroups, allTopics, topicConfig } from '../../stack/rocketmq-admin.ts'
import { runSql } from '../../stack/sql.ts'
import { newDatabase, newGroup, newKeyPrefix, newTopic } from '../support/own-names.ts'
import { describeWith, describeWithOwn } from '../support/parts.ts'

describeWith('mysql', () => {
  test('gives a database of its own, in utf8mb4', async () => {
    const url = await newDatabase('mysql')
    const [row] = await runSql(
      'mysql',
      url,
      'select database() as name, @@character_set_database as characters',
    )
    expect(row).toEqual({ name: new URL(url).pathname.slice(1), characters: 'utf8mb4' })
  })
})

describeWith('postgres', () => {
  test('gives a database of its own, in UTF-8', async () => {
    const url = await newDatabase('postgres')
    const [row] = await runSql(
      'postgres',
      url,
      "select current_database() as name, current_setting('server_encoding') as encoding",
    )
    expect(row).toEqual({ name: new URL(url).pathname.slice(1), encoding: 'UTF8' })
  })
})

describeWith('redis', (url) => {
  test('keeps a key', async () => {
    const redis = new Redis(url)
    const key = `${newKeyPrefix()}key`
    await redis.set(key, '1')
    expect(await redis.get(key)).toBe('1')
    redis.disconnect()
  })
})

describeWith('rocketmq', ({ namesrv }) => {
  test('has a FIFO topic and an orderly group as soon as they are made', async () => {
    const topic = await newTopic(4)
    const group = await newGroup(3)
    expect(await topicConfig(namesrv, topic)).toEqual({ queues: 4, type: 'FIFO' })
    expect((await allGroups(namesrv)).get(group)).toEqual({ orderly: true, maxRetries: 3 })
    expect(await allTopics(namesrv)).toContain(topic)
  })
})

describeWithOwn('mysql', (start) => {
  test('comes back after a crash and after a stop, with its data on the same port', async () => {
    const own = await start()
    const url = own.env['MYSQL_URL']!
    await runSql('mysql', url, 'create table t (n int)', 'insert into t values (1)')
    await own.kill()
    expect(await own.answers()).toBeUndefined()
    await own.start()
    await runSql('mysql', url, 'insert into t values (2)')
    await own.stop()
    expect(await own.answers()).toBeUndefined()
    await own.start()
    expect(await runSql('mysql', url, 'select n from t order by n')).toEqual([{ n: 1 }, { n: 2 }])
  })
})
