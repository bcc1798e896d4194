import service from 'rocketmq-client-nodejs/proto/apache/rocketmq/v2/service_pb.js'
import type { Producer } from './rocketmq-client.ts'

type Request = InstanceType<typeof service.SendMessageRequest>
type Response = InstanceType<typeof service.SendMessageResponse>
type Send = (endpoints: Endpoints, request: Request, timeoutMs: number) => Promise<Response>
interface Endpoints {
  facade: string
}

/** One message, and who waits for it. */
interface Waiting {
  request: Request
  settle: (sent: Promise<Response>) => void
}

/** What one call carries at the most. */
const MAX = { messages: 32, bytes: 256 * 1024 }

/**
 * Lets small messages of one group that are sent at the same moment share a call, which is most of the
 * work of a small one. The protocol knows such calls, but the client makes one for each message.
 */
export function sendTogether(producer: Producer): void {
  const { rpcClientManager } = producer as unknown as { rpcClientManager: { sendMessage: Send } }
  const send = rpcClientManager.sendMessage.bind(rpcClientManager)
  const groups = new Map<string, Waiting[]>()

  rpcClientManager.sendMessage = (endpoints, request, timeoutMs) =>
    new Promise((resolve) => {
      const message = request.getMessagesList()[0]!
      const properties = message.getSystemProperties()!
      const name = JSON.stringify([
        endpoints.facade,
        message.getTopic()!.getName(),
        properties.getMessageGroup(),
      ])
      const waiting = groups.get(name)
      const one = { request, settle: resolve }
      if (waiting) {
        waiting.push(one)
        return
      }
      groups.set(name, [one])
      setImmediate(() => {
        const all = groups.get(name)!
        groups.delete(name)
        for (let from = 0; from < all.length; from += MAX.messages) {
          const some = all.slice(from, from + MAX.messages)
          const together = new service.SendMessageRequest()
          for (const { request: r } of some) together.addMessages(r.getMessagesList()[0]!)
          const sent = send(endpoints, together, timeoutMs)
          for (const { settle } of some) settle(sent)
        }
      })
    })
}
