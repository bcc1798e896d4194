import { oneByOne } from '../../src/broker.ts'
/**
 * A consumer process for the order test: writes a line for each message that it sees, and one when its
 * handling is done. Arguments: endpoints, topic, group, file.
 */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRocketMqBroker } from '../../src/platform/rocketmq.ts'
import { silent } from './silent.ts'

const [endpoints, topic, consumerGroup, file] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
]
const broker = createRocketMqBroker({
  endpoints,
  tls: false,
  prefix: '',
  topics: [],
  loops: 4,
  logger: silent,
})
/** The system's monotonic clock is the same in all processes. */
const note = (what: string) => appendFileSync(file, `${process.hrtime.bigint()} ${what}\n`)
const subscription = await broker.subscribe(
  topic,
  consumerGroup,
  oneByOne(async ({ group, body }) => {
    note(`seen ${group} ${body}`)
    // Now and then a while, so that order would suffer where it can.
    if (Math.random() < 0.01) await sleep(Math.random() * 20)
    note(`done ${group} ${body}`)
  }),
)
process.stdout.write('ready\n')
process.once('SIGTERM', () => {
  void subscription.stop().then(() => process.exit(0))
})
