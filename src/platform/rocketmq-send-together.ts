import service from 'rocketmq-client-nodejs/proto/apache/rocketmq/v2/service_pb.js'
import { slicesWithin } from '../slices.ts'
import type { Producer } from './rocketmq-client.ts'

type Request = InstanceType<typeof service.SendMessageRequest>
type Response = InstanceType<typeof service.SendMessageResponse>
type Send = (endpoints: Endpoints, request: Request, timeoutMs: number) => Promise<Response>
interface Endpoints {
  facade: string
}

/** A message that waits for those that are sent at the same moment, and who waits for it. */
interface Waiting {
  request: Request
  resolve: (sent: Promise<Response>) => void
}

/** What one call carries at the most. A larger message has a call of its own. */
const MAX = { count: 32, bytes: 64 * 1024 }

/**
 * Lets small messages of a topic that are sent at the same moment share a call, which is most of the work
 * of a small message: RocketMQ's protocol has such calls, the client for Node.js makes one for each message.
 *
 * Only for topics of which no order is promised: the proxy puts a call with several messages into the
 * next queue, whatever their message groups (`SendMessageQueueSelector` of RocketMQ 5.5).
 *
 * @param topics their full names
 */
export function sendTogether(producer: Producer, topics: Set<string>): void {
  const { rpcClientManager } = producer as unknown as { rpcClientManager: { sendMessage: Send } }
  const send = rpcClientManager.sendMessage.bind(rpcClientManager)
  const gathered = new Map<string, Waiting[]>()

  rpcClientManager.sendMessage = (endpoints, request, timeoutMs) => {
    const topic = messageOf(request).getTopic()!.getName()
    if (!topics.has(topic)) return send(endpoints, request, timeoutMs)
    return new Promise((resolve) => {
      const name = `${endpoints.facade} ${topic}`
      const waiting = gathered.get(name)
      if (waiting) {
        waiting.push({ request, resolve })
        return
      }
      const all = [{ request, resolve }]
      gathered.set(name, all)
      setImmediate(() => {
        gathered.delete(name)
        for (const some of slicesWithin(all, bytesOf, MAX)) {
          const sent = send(endpoints, merged(some), timeoutMs)
          for (const { resolve } of some) resolve(sent)
        }
      })
    })
  }
}

/** The client's requests have one message each. */
const messageOf = (request: Request) => request.getMessagesList()[0]!

const bytesOf = ({ request }: Waiting) => messageOf(request).getBody_asU8().length

function merged(waiting: Waiting[]): Request {
  const [first, ...others] = waiting
  for (const { request } of others) first!.request.addMessages(messageOf(request))
  return first!.request
}
