import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe } from '@jest/globals'
import { until } from './until.ts'

const found = spawnSync('redis-server', ['--version']).status === 0
export const describeWithRedis = found ? describe : describe.skip

/** A Redis of the test's own, that can be killed, stopped and started again on the same port. */
export interface RedisServer {
  url: string
  port: number
  start(): Promise<void>
  kill(): Promise<void>
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
  remove(): Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const server of running) server.kill('SIGKILL')
})

export async function startRedis(...settings: string[]): Promise<RedisServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'redis-'))
  const port = await freePort()
  let server: ChildProcess | undefined

  async function start(): Promise<void> {
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '']
    const started = spawn('redis-server', [...args, ...settings], { stdio: 'ignore' })
    running.add(started)
    started.on('exit', () => running.delete(started))
    server = started
    await until('redis-server answers', () => answers(port))
  }
  async function kill(): Promise<void> {
    const dying = server
    server = undefined
    if (!dying || dying.exitCode !== null || dying.signalCode !== null) return
    await new Promise((resolve) => {
      dying.on('exit', resolve)
      dying.kill('SIGKILL')
    })
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    start,
    kill,
    signal: (name) => void server?.kill(name),
    async remove() {
      await kill()
      await rm(folder, { recursive: true })
    },
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Any answer will do: one that asks for a password as well. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const end = (answered: boolean) => {
      resolve(answered)
      socket.destroy()
    }
    socket.on('data', () => end(true))
    socket.on('error', () => end(false))
    socket.setTimeout(1000, () => end(false))
  })
}
