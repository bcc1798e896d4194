import { once } from 'node:events'
import { mkdtemp, readdir } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { openEmbeddedDatabase } from '../../src/platform/embedded-database.ts'
import { lockFolder } from '../../src/platform/folder-lock.ts'
import { finished, root, runCli, startCli, startNode } from '../support/cli.ts'
import { newDataFolder } from '../support/database.ts'

test('a folder in use by another process is refused with its id, and is untouched', async () => {
  const data = await newDataFolder()
  const server = startCli(['serve'], data, { LOG_LEVEL: 'info' })
  const ended = finished(server)
  await once(server.stderr!, 'data')
  const before = await readdir(path.join(data, 'pglite'))
  const run = await runCli(['audit'], data)
  expect(run).toMatchObject({ code: 3, stdout: '' })
  expect(run.stderr).toMatch(
    new RegExp(
      `^product-copy: data folder "[^"]*" [(]DATA_DIR[)] is in use by process ${server.pid}: [^\n]*\n$`,
    ),
  )
  expect(await readdir(path.join(data, 'pglite'))).toEqual(before)
  server.kill('SIGTERM')
  expect((await ended).code).toBe(0)
  expect((await runCli(['audit'], data)).code).toBe(0)
})

test('a folder whose owner was stopped in mid-work is in use; one whose owner was killed is free', async () => {
  const data = await newDataFolder()
  const server = startCli(['serve'], data, { LOG_LEVEL: 'info' })
  const ended = finished(server)
  await once(server.stderr!, 'data')
  server.kill('SIGSTOP')
  expect((await runCli(['audit'], data)).stderr).toContain('is in use by another process')
  server.kill('SIGKILL')
  await ended
  expect((await runCli(['audit'], data)).code).toBe(0)
})

test('of several that want a folder at once, abandoned or not, one gets it', async () => {
  for (let round = 0; round < 20; round++) {
    const data = await mkdtemp(path.join(process.env['TEST_FOLDER']!, 'locked-'))
    if (round % 5 === 0) await abandon(data)
    const tries = await Promise.allSettled(Array.from({ length: 4 }, () => lockFolder(data)))
    const locks = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(locks).toHaveLength(1)
    await expect(lockFolder(data)).rejects.toThrow(`is in use by process ${process.pid}`)
    await locks[0]!.release()
    expect((await readdir(data)).filter((name) => name.startsWith('lock'))).toEqual([])
  }
})

/** Leaves the lock of a killed process behind. */
async function abandon(folder: string): Promise<void> {
  const lock = path.resolve(root, 'src/platform/folder-lock.ts')
  const script = `import { lockFolder } from ${JSON.stringify(lock)}
    await lockFolder(${JSON.stringify(folder)})
    process.kill(process.pid, 'SIGKILL')`
  await finished(startNode(['--import', 'tsx', '--input-type=module', '-e', script]))
  expect((await readdir(folder)).filter((name) => name.startsWith('lock'))).toHaveLength(1)
}

test('a folder is free again when opening it failed', async () => {
  const data = await newDataFolder()
  const database = await openEmbeddedDatabase(data, { create: false })
  await expect(openEmbeddedDatabase(data, { create: false })).rejects.toThrow('is in use')
  await database.knex('schema_migration').insert({ version: 999, name: '999_later.sql' })
  await database.close()
  for (let time = 0; time < 2; time++) {
    await expect(openEmbeddedDatabase(data, { create: false })).rejects.toThrow('version 999')
  }
})
