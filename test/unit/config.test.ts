import { expect, test } from '@jest/globals'
import { readConfig } from '../../src/platform/config.ts'

test('without any variable everything runs in the process', () => {
  expect(readConfig({ HOME: '/root', DATABASE_URL: '', WORKER_ID: '' })).toEqual({
    DATA_DIR: './data',
    DATABASE_POOL: 10,
    ROCKETMQ_TLS: false,
    ROCKETMQ_PREFIX: '',
    CHUNK_SIZE: 2000,
    SHARDS: 8,
    CONCURRENCY: 4,
    HOST: '127.0.0.1',
    PORT: 3000,
    API_USER_ID_HEADER: 'x-user-id',
    API_USER_NAME_HEADER: 'x-user-name',
    API_RATE_LIMIT: 1000,
    API_MAX_BODY: 4 * 1024 * 1024,
    LOG_LEVEL: 'info',
  })
})

test('texts become numbers and truth values', () => {
  const texts = { CHUNK_SIZE: '1', WORKER_ID: '0', ROCKETMQ_TLS: 'true' }
  expect(readConfig(texts)).toMatchObject({ CHUNK_SIZE: 1, WORKER_ID: 0, ROCKETMQ_TLS: true })
})

test('all mistakes are reported at once, one a line', () => {
  const wrong = {
    CHUNK_SIZE: '0',
    SHARDS: 'many',
    LOG_LEVEL: 'loud',
    DATA_DIR: '',
    ROCKETMQ_ENDPOINTS: 'http://proxy',
    ROCKETMQ_TLS: 'perhaps',
    ROCKETMQ_ACCESS_KEY: 'Ann',
    WORKER_ID: '1024',
  }
  const lines = [
    'DATA_DIR is ""; it must be a text that is not empty',
    'CHUNK_SIZE is "0"; it must be a whole number from 1 to 8000',
    'SHARDS is "many"; it must be a whole number from 1 to 1024',
    'LOG_LEVEL is "loud"; it must be one of fatal, error, warn, info, debug, silent',
    'ROCKETMQ_ENDPOINTS is "http://proxy"; it must be host:port of the RocketMQ proxy',
    'ROCKETMQ_TLS is "perhaps"; it must be true or false',
    'ROCKETMQ_ACCESS_KEY is set without ROCKETMQ_SECRET_KEY: set both, or none',
    'WORKER_ID is "1024"; it must be a whole number from 0 to 1023',
  ]
  for (const line of lines) expect(() => readConfig(wrong)).toThrow(line)
  expect(() => readConfig(wrong)).toThrow(/^([A-Z_]+ .*(\n|$)){8}$/)
})

test('a secret is not repeated', () => {
  const wrong = { DATABASE_URL: 'jdbc:mysql://Ann:geheim@db/shop', REDIS_URL: ':geheim@redis' }
  let message = ''
  try {
    readConfig(wrong)
  } catch (error) {
    message = String(error)
  }
  expect(message).toContain('DATABASE_URL')
  expect(message).toContain('REDIS_URL is not the URL of a Redis')
  expect(message).not.toContain('geheim')
})
