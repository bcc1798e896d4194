import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Guard } from '../../stack/guard.ts'
import { KINDS } from '../../stack/kinds.ts'
import type { Env, PartName } from '../../stack/part.ts'
import { freePorts } from '../../stack/ports.ts'
import { findProgram, runProgram } from '../../stack/programs.ts'
import { addressOf, configFiles, PORT_COUNT } from '../../stack/rocketmq-config.ts'
import { newName } from './found-parts.ts'

const ENGINE_TIMEOUT_MS = 10_000
/** Images may have to be fetched. */
const RUN_TIMEOUT_MS = 5 * 60_000
const READY_TIMEOUT_MS = 120_000

/** @returns docker or podman, whichever answers first */
export function findEngine(): string | undefined {
  return ['docker', 'podman'].flatMap((name) => findProgram([name]) ?? []).find(answers)
}

/** A command line without an engine behind it is of no use. */
function answers(engine: string): boolean {
  try {
    execFileSync(engine, ['info'], { stdio: 'ignore', timeout: ENGINE_TIMEOUT_MS })
    return true
  } catch {
    return false
  }
}

/** Starts a part in a container that the guard removes. @throws when it does not answer in time */
export async function startContainer(
  engine: string,
  name: PartName,
  { guard, log }: { guard: Guard; log: string },
): Promise<Env> {
  const container = newName('product-copy-test')
  const { args, env } = await containerOf[name]()
  guard.add({ run: [engine, 'rm', '--force', '--volumes', container] })
  await runProgram(
    { command: engine, args: ['run', '--detach', '--name', container, ...args], cwd: '/' },
    { log, guard, timeoutMs: RUN_TIMEOUT_MS },
  )
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (true) {
    try {
      await KINDS[name].version(env)
      return env
    } catch (error) {
      if (Date.now() > deadline) throw error
      await sleep(200)
    }
  }
}

const publish = (host: number, inside = host) => ['--publish', `127.0.0.1:${host}:${inside}`]

const containerOf: Record<PartName, () => Promise<{ args: string[]; env: Env }>> = {
  async mysql() {
    const port = await freePorts(1)
    const settings = ['-e', 'MYSQL_ALLOW_EMPTY_PASSWORD=1', '-e', 'MYSQL_DATABASE=product_copy']
    const url = `mysql://root@127.0.0.1:${port}/product_copy`
    return {
      args: [...publish(port, 3306), ...settings, 'docker.io/library/mysql:8.4'],
      env: { MYSQL_URL: url },
    }
  },
  async postgres() {
    const port = await freePorts(1)
    const settings = ['-e', 'POSTGRES_HOST_AUTH_METHOD=trust', '-e', 'POSTGRES_DB=product_copy']
    const url = `postgres://postgres@127.0.0.1:${port}/product_copy`
    return {
      args: [...publish(port, 5432), ...settings, 'docker.io/library/postgres:17'],
      env: { POSTGRES_URL: url },
    }
  },
  async redis() {
    const port = await freePorts(1)
    const url = `redis://127.0.0.1:${port}`
    return { args: [...publish(port, 6379), 'docker.io/library/redis:7'], env: { REDIS_URL: url } }
  },
  /**
   * Broker and proxy tell their clients where they are, so that the ports outside are those inside.
   * The configuration comes by variables: the engine may not see this machine's files.
   */
  async rocketmq() {
    const first = await freePorts(PORT_COUNT)
    const files = Object.entries(configFiles(first, '0.0.0.0'))
    const ports = Array.from({ length: PORT_COUNT }, (_, i) => publish(first + i)).flat()
    const variables = files.flatMap(([, text], i) => ['-e', `FILE_${i}=${text}`])
    const write = files.map(([file], i) => `printf %s "$FILE_${i}" > /tmp/${file}`)
    const script = [
      ...write,
      'sh mqnamesrv -c /tmp/namesrv.conf &',
      'exec sh mqproxy -pm local -bc /tmp/broker.conf -pc /tmp/rmq-proxy.json',
    ].join('\n')
    const memory = ['-e', 'JAVA_OPT_EXT=-Xms512m -Xmx1g -Xmn256m']
    return {
      args: [
        ...ports,
        ...variables,
        ...memory,
        'docker.io/apache/rocketmq:5.5.0',
        'sh',
        '-c',
        script,
      ],
      env: {
        ROCKETMQ_ENDPOINTS: addressOf('proxy', first),
        ROCKETMQ_NAMESRV: addressOf('namesrv', first),
      },
    }
  },
}
