import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import type { Stack } from '../../stack/commands.ts'
import { PART_NAMES, type PartName } from '../../stack/part.ts'
import { isRunning, type ProcessId } from '../../stack/processes.ts'
import { allGroups, topicConfig } from '../../stack/rocketmq-admin.ts'
import { readState } from '../../stack/state.ts'
import { finished, root, startNode } from '../support/cli.ts'
import { newPartFolder } from '../support/found-parts.ts'
import { describeWithOwn, fileGuard } from '../support/parts.ts'
import { until } from '../support/until.ts'

const MAIN = path.join(root, 'stack/main.ts')
const { XDG_CACHE_HOME, JAVA_HOME } = process.env
const NAMES = [
  ...['DATABASE_URL', 'REDIS_URL', 'ROCKETMQ_ENDPOINTS'],
  ...['MYSQL_URL', 'POSTGRES_URL', 'ROCKETMQ_NAMESRV'],
]

const start = (...args: string[]) =>
  startNode(['--import', 'tsx', MAIN, ...args], { XDG_CACHE_HOME, JAVA_HOME })
const stack = (...args: string[]) => finished(start(...args))

/** A folder whose stack is ended with the test file. */
async function newFolder(): Promise<string> {
  const folder = path.join(await newPartFolder(fileGuard()), 'stack')
  fileGuard().add({
    run: [process.execPath, '--import', 'tsx', MAIN, 'down', '--folder', folder],
  })
  return folder
}

const readVariables = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )

/** What has been started in a stack's folder; none when it has none, or is just going. */
const processesIn = (folder: string): ProcessId[] =>
  Object.values(readState(folder) ?? {}).flatMap(({ processes }) => Object.values(processes))

async function killRedis(folder: string): Promise<void> {
  const { redis } = readState(folder)!.redis!.processes
  process.kill(redis!.pid, 'SIGKILL')
  await until('Redis is gone', () => !isRunning(redis!))
}

/** Needs the programs of all parts. */
const describeWithAll = (tests: () => void) =>
  PART_NAMES.reduceRight<() => void>(
    (inner, name: PartName) => () => describeWithOwn(name, inner),
    tests,
  )()

describeWithAll(() => {
  test('up, status, up again after a crash, down', async () => {
    const folder = ['--folder', await newFolder()]
    const first = await stack('up', ...folder)
    expect(first).toMatchObject({ code: 0 })
    const variables = readVariables(first.stdout)
    expect(Object.keys(variables)).toEqual(NAMES)
    expect(variables['DATABASE_URL']).toBe(variables['MYSQL_URL'])

    const namesrv = variables['ROCKETMQ_NAMESRV']!
    for (const topic of ['PRODUCT_COPY', 'PRODUCT_COPY_RESULT']) {
      expect(await topicConfig(namesrv, topic)).toEqual({ queues: 8, type: 'FIFO' })
    }
    const groups = await allGroups(namesrv)
    for (const group of ['product-copy', 'copy-result']) {
      expect(groups.get(group)).toEqual({ orderly: true, maxRetries: 16 })
    }

    const second = await stack('up', ...folder)
    expect(second).toEqual({ code: 0, stdout: first.stdout, stderr: 'stack: it is up already\n' })

    const shown = await stack('status', '--json', ...folder)
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    const up = JSON.parse(shown.stdout) as Stack
    expect(up).toMatchObject({ up: true, env: variables })
    expect(up.parts.map(({ name, answers }) => [name, answers])).toEqual(
      PART_NAMES.map((name) => [name, true]),
    )

    await killRedis(folder[1]!)
    const crashed = await stack('status', ...folder)
    expect(crashed).toMatchObject({ code: 1 })
    expect(crashed.stdout).toMatch(/^redis .* has ended .* does not answer$/m)
    expect(await stack('up', '--only', 'redis', ...folder)).toMatchObject({
      code: 0,
      stdout: first.stdout,
    })

    const processes = processesIn(folder[1]!)
    expect(processes.filter(isRunning)).toHaveLength(5)
    expect(await stack('down', ...folder)).toMatchObject({ code: 0 })
    expect(processes.filter(isRunning)).toEqual([])
    expect(existsSync(folder[1]!)).toBe(false)
    expect(await stack('status', ...folder)).toMatchObject({ code: 3, stdout: '' })
  }, 180_000)
})

describeWithOwn('redis', () => {
  describeWithOwn('mysql', () => {
    test.each(['SIGTERM', 'SIGKILL'] as const)('%s during up leaves nothing', async (signal) => {
      const folder = await newFolder()
      const child = start('up', '--only', 'mysql,redis', '--folder', folder)
      const run = finished(child)
      await until('Redis is started', () => processesIn(folder).length > 0)
      const processes = processesIn(folder)
      child.kill(signal)
      expect((await run).code).toBe(signal === 'SIGTERM' ? 143 : null)
      await until('nothing is left', () => !existsSync(folder) && !processes.some(isRunning))
    })

    test('a port that is taken is one line, and the other parts stay', async () => {
      const folder = ['--folder', await newFolder()]
      await stack('up', '--only', 'mysql,redis', ...folder)
      const { port } = readState(folder[1]!)!.redis!
      await killRedis(folder[1]!)
      const other = createServer().listen(port)
      await once(other, 'listening')
      expect(await stack('up', '--only', 'redis', ...folder)).toEqual({
        code: 3,
        stdout: '',
        stderr: `stack: redis: port ${port} is taken by another program\n`,
      })
      other.close()
      const now = JSON.parse((await stack('status', '--json', ...folder)).stdout) as Stack
      expect(now.parts.map(({ name, answers }) => [name, answers])).toEqual([
        ['mysql', true],
        ['redis', false],
      ])
    })
  })
})

test.each([
  [['go'], /"go"/],
  [['up', '--only', 'mysql,kafka'], /"kafka".*mysql, postgres, redis, rocketmq/],
  [['up', '--folder', root], /neither empty nor a stack's folder/],
])('wrong use is one line and exit 2: %j', async (args, text) => {
  const run = await stack(...args)
  expect(run).toMatchObject({ code: 2, stdout: '' })
  expect(run.stderr).toMatch(/^stack: [^\n]*\n$/)
  expect(run.stderr).toMatch(text)
})
