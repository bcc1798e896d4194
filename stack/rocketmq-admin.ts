import { setTimeout as sleep } from 'node:timers/promises'
import { failed, request, SUCCESS, type Answer, type Fields } from './rocketmq-remoting.ts'

/**
 * What the tools need of RocketMQ's administration. `mqadmin` does the same, but takes a Java start
 * of some seconds for each command. A command goes to every master that the name server knows.
 *
 * Every function throws a ProductCopyError `could-not-run` that names the address and what it said.
 */

/** org.apache.rocketmq.remoting.protocol.RequestCode */
const CODE = {
  createTopic: 17,
  brokerRuntimeInfo: 28,
  route: 105,
  clusterInfo: 106,
  createGroup: 200,
  allGroups: 201,
  allTopics: 206,
  deleteGroup: 207,
  deleteTopicInBroker: 215,
  deleteTopicInNamesrv: 216,
  topicConfig: 351,
} as const

const TOPIC_NOT_EXIST = 17
const READABLE_AND_WRITABLE = 6
const ROUTE_TIMEOUT_MS = 10_000

export interface TopicConfig {
  queues: number
  /** FIFO, NORMAL, DELAY, TRANSACTION, MIXED or UNSPECIFIED */
  type: string
}

export interface GroupConfig {
  orderly: boolean
  /** How often a message is delivered again before it goes to the dead letters. */
  maxRetries: number
}

/** Creates a FIFO topic, or changes one to this. Resolves when the name server gives out its route. */
export async function createTopic(
  namesrv: string,
  topic: string,
  { queues, type = 'FIFO' }: { queues: number; type?: 'FIFO' | 'NORMAL' },
): Promise<void> {
  const brokers = await masters(namesrv)
  for (const broker of brokers) {
    await call(broker, CODE.createTopic, {
      topic,
      defaultTopic: 'TBW102',
      readQueueNums: queues,
      writeQueueNums: queues,
      perm: READABLE_AND_WRITABLE,
      topicFilterType: 'SINGLE_TAG',
      topicSysFlag: 0,
      order: false,
      attributes: `+message.type=${type}`,
    })
  }
  // A proxy that asks before the brokers have registered the topic remembers that there is none.
  const end = Date.now() + ROUTE_TIMEOUT_MS
  while ((await brokersOf(namesrv, topic)) < brokers.length) {
    if (Date.now() > end) throw failed(namesrv, `the topic ${topic} was created but has no route`)
    await sleep(100)
  }
}

/** Creates a consumer group, or changes one to this. */
export async function createGroup(
  namesrv: string,
  group: string,
  { orderly, maxRetries }: GroupConfig,
): Promise<void> {
  const config = { groupName: group, consumeMessageOrderly: orderly, retryMaxTimes: maxRetries }
  for (const broker of await masters(namesrv)) await call(broker, CODE.createGroup, {}, config)
}

/** Deletes a topic with its messages; it may be gone already. */
export async function deleteTopic(namesrv: string, topic: string): Promise<void> {
  for (const broker of await masters(namesrv)) {
    await call(broker, CODE.deleteTopicInBroker, { topic })
  }
  await call(namesrv, CODE.deleteTopicInNamesrv, { topic })
}

/**
 * Deletes a consumer group, its offsets, retries and dead letters; it may be gone already. Its topics
 * go first: with each the broker deletes the retry topic that it shares with the group.
 */
export async function deleteGroup(namesrv: string, group: string): Promise<void> {
  for (const broker of await masters(namesrv)) {
    await call(broker, CODE.deleteGroup, { groupName: group, cleanOffset: true })
  }
  await deleteTopic(namesrv, `%RETRY%${group}`)
  await deleteTopic(namesrv, `%DLQ%${group}`)
}

/** @returns the names of all topics, the brokers' own among them */
export async function allTopics(namesrv: string): Promise<string[]> {
  const { body } = await call(namesrv, CODE.allTopics, {})
  return (JSON.parse(body) as { topicList?: string[] }).topicList ?? []
}

/**
 * All consumer groups. (A broker that is asked about one group creates it, orderly or not, when
 * there is none.)
 */
export async function allGroups(namesrv: string): Promise<Map<string, GroupConfig>> {
  const groups = new Map<string, GroupConfig>()
  for (const broker of await masters(namesrv)) {
    const { body } = await call(broker, CODE.allGroups, {})
    const { subscriptionGroupTable } = JSON.parse(body) as {
      subscriptionGroupTable: Record<
        string,
        { consumeMessageOrderly: boolean; retryMaxTimes: number }
      >
    }
    for (const [name, config] of Object.entries(subscriptionGroupTable)) {
      groups.set(name, { orderly: config.consumeMessageOrderly, maxRetries: config.retryMaxTimes })
    }
  }
  return groups
}

/** @returns undefined when a broker has no such topic */
export async function topicConfig(
  namesrv: string,
  topic: string,
): Promise<TopicConfig | undefined> {
  let found: TopicConfig | undefined
  for (const broker of await masters(namesrv)) {
    const answer = await request(broker, CODE.topicConfig, { topic })
    if (answer.code === TOPIC_NOT_EXIST) return undefined
    const { readQueueNums, attributes } = JSON.parse(accepted(broker, answer).body) as {
      readQueueNums: number
      attributes?: Record<string, string>
    }
    found ??= { queues: readQueueNums, type: attributes?.['message.type'] ?? 'UNSPECIFIED' }
  }
  return found
}

/** @returns the version of a broker, such as 5.5.0 */
export async function brokerVersion(namesrv: string): Promise<string> {
  const [broker] = await masters(namesrv)
  const { body } = await call(broker!, CODE.brokerRuntimeInfo, {})
  const { table } = JSON.parse(body) as { table: Record<string, string> }
  return (table['brokerVersionDesc'] ?? 'unknown').replace(/^V/, '').replaceAll('_', '.')
}

/** @returns the addresses of all masters, at least one */
async function masters(namesrv: string): Promise<string[]> {
  const { body } = await call(namesrv, CODE.clusterInfo, {})
  // Java's writer leaves keys that are numbers without quotes.
  const { brokerAddrTable } = JSON.parse(body.replace(/([{,])(\d+):/g, '$1"$2":')) as {
    brokerAddrTable?: Record<string, { brokerAddrs: Record<string, string> }>
  }
  const found = Object.values(brokerAddrTable ?? {}).flatMap(
    ({ brokerAddrs }) => brokerAddrs['0'] ?? [],
  )
  if (found.length === 0) throw failed(namesrv, 'no broker has registered with this name server')
  return found
}

async function brokersOf(namesrv: string, topic: string): Promise<number> {
  const answer = await request(namesrv, CODE.route, { topic, acceptStandardJsonOnly: true })
  if (answer.code === TOPIC_NOT_EXIST) return 0
  const { brokerDatas } = JSON.parse(accepted(namesrv, answer).body) as { brokerDatas?: unknown[] }
  return brokerDatas?.length ?? 0
}

async function call(
  address: string,
  code: number,
  fields: Fields,
  body?: unknown,
): Promise<Answer> {
  return accepted(address, await request(address, code, fields, body))
}

function accepted(address: string, answer: Answer): Answer {
  if (answer.code !== SUCCESS) throw failed(address, answer.remark)
  return answer
}
