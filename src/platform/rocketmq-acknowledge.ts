import definitions from 'rocketmq-client-nodejs/proto/apache/rocketmq/v2/definition_pb.js'
import service from 'rocketmq-client-nodejs/proto/apache/rocketmq/v2/service_pb.js'
import {
  REQUEST_MS,
  StatusChecker,
  type MessageView,
  type SimpleConsumer,
} from './rocketmq-client.ts'

const { Code, Resource } = definitions
const { AckMessageRequest } = service

/**
 * Acknowledges messages that were received by one call, in one call: the client's own `ack` takes one
 * message, and each call is as much work as all else that is done for a small message.
 *
 * @returns those that the broker did not take
 * @throws the client's exception, when it refuses them all
 */
export async function acknowledge(
  client: SimpleConsumer,
  messages: MessageView[],
): Promise<MessageView[]> {
  const { endpoints, topic } = messages[0]!
  const request = new AckMessageRequest()
    .setGroup(new Resource().setName(client.getConsumerGroup()))
    .setTopic(new Resource().setName(topic))
  for (const { messageId, receiptHandle } of messages) {
    request.addEntries().setMessageId(messageId).setReceiptHandle(receiptHandle)
  }
  const response = await client.ackMessageViaRpc(endpoints, request, REQUEST_MS)
  const entries = response.getEntriesList()
  // Where the whole call is refused there are none.
  if (entries.length === 0) StatusChecker.check(response.getStatus()?.toObject())
  const taken = entries.filter((entry) => TAKEN.has(entry.getStatus()?.getCode()))
  const handles = new Set(taken.map((entry) => entry.getReceiptHandle()))
  return messages.filter(({ receiptHandle }) => !handles.has(receiptHandle))
}

/** A message that is not found was acknowledged before. */
const TAKEN = new Set<number | undefined>([Code.OK, Code.MESSAGE_NOT_FOUND])
