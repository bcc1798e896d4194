import { execFileSync } from 'node:child_process'
import { mkdir, statfs, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { ProductCopyError } from '../src/errors.ts'
import type { PartKind } from './part.ts'
import { findProgram } from './programs.ts'
import { brokerVersion } from './rocketmq-admin.ts'
import { addressOf, configFiles, PORT_COUNT } from './rocketmq-config.ts'
import { fetchJars, haveJars, jarsFolder } from './rocketmq-jars.ts'

/** RocketMQ deletes old messages beyond 85 %, read or not, and takes no new ones beyond 90 %. */
const DISK_LIMIT = 0.85
const CONNECT_TIMEOUT_MS = 3000

const java = () =>
  findProgram(['java'], process.env['JAVA_HOME'] ? [`${process.env['JAVA_HOME']}/bin`] : [])

/** RocketMQ with its own defaults: the broker answers before the message is flushed to the disk. */
export const rocketmq: PartKind = {
  name: 'rocketmq',
  ports: PORT_COUNT,
  stopSignal: 'SIGTERM',
  endSignal: 'SIGKILL',
  missing() {
    const missing = []
    if (!javaRuns())
      missing.push(
        'java is missing (apt-get install default-jre-headless, or brew install openjdk)',
      )
    if (!haveJars() && !findProgram(['mvn']))
      missing.push(
        'mvn, which fetches it, is missing (apt-get install maven, or brew install maven)',
      )
    return missing.length > 0 ? missing.join('; ') : undefined
  },
  async prepare({ port }, data, guard) {
    await checkDisk(data)
    await fetchJars(guard)
    await mkdir(path.join(data, 'tmp'))
    for (const [name, text] of Object.entries(configFiles(port, '127.0.0.1'))) {
      await writeFile(path.join(data, name), text)
    }
  },
  processes(_place, data) {
    const run = (memory: string[], main: string, args: string[]) => ({
      command: java()!,
      args: [
        ...memory,
        // Where it keeps its files, and unpacks its native libraries.
        ...[`-Duser.home=${data}`, `-Djava.io.tmpdir=${data}/tmp`, '-XX:-UsePerfData'],
        ...['-cp', `${jarsFolder()}/*`, `org.apache.rocketmq.${main}`, ...args],
      ],
      cwd: data,
      env: { ROCKETMQ_HOME: data },
    })
    const configs = ['-bc', 'broker.conf', '-pc', 'rmq-proxy.json']
    return {
      namesrv: run(['-Xmx256m'], 'namesrv.NamesrvStartup', ['-c', 'namesrv.conf']),
      broker: run(['-Xms512m', '-Xmx1g'], 'proxy.ProxyStartup', ['-pm', 'local', ...configs]),
    }
  },
  async version(env) {
    // The proxy listens when all else is ready.
    await canConnect(firstAddress(env['ROCKETMQ_ENDPOINTS']!))
    return brokerVersion(firstAddress(env['ROCKETMQ_NAMESRV']!))
  },
  env: ({ port }) => ({
    ROCKETMQ_ENDPOINTS: addressOf('proxy', port),
    ROCKETMQ_NAMESRV: addressOf('namesrv', port),
  }),
}

/** On a Mac there is a `java` that only says that there is none. */
function javaRuns(): boolean {
  const program = java()
  if (!program) return false
  try {
    execFileSync(program, ['-version'], { stdio: 'ignore', timeout: 30_000 })
    return true
  } catch {
    return false
  }
}

async function checkDisk(folder: string): Promise<void> {
  const { blocks, bfree, bavail } = await statfs(folder)
  const used = (blocks - bfree) / (blocks - bfree + bavail)
  if (used < DISK_LIMIT) return
  throw new ProductCopyError(
    'could-not-run',
    `the disk of ${folder} is ${Math.round(used * 100)} % full, RocketMQ needs one that is below ${DISK_LIMIT * 100} %: set TMPDIR to a folder on another one`,
  )
}

/** Endpoints and name servers may be several, with a semicolon between them. */
export const firstAddress = (addresses: string): string => addresses.split(';')[0]!

/** @throws when nobody takes the connection in time */
function canConnect(address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const [host, port] = address.split(':')
    const socket = connect(Number(port), host)
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('no connection in time')))
    socket.once('connect', () => {
      resolve()
      socket.destroy()
    })
    socket.once('error', reject)
  })
}
