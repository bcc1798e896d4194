import { expect, test } from '@jest/globals'
import { readConfig } from '../../src/platform/config.ts'

test('every variable has a default', () => {
  expect(readConfig({ HOME: '/root' })).toEqual({
    DATA_DIR: './data',
    CHUNK_SIZE: 500,
    SHARDS: 8,
    LOG_LEVEL: 'info',
  })
})

test('texts become numbers', () => {
  expect(readConfig({ CHUNK_SIZE: '1', SHARDS: '16' })).toMatchObject({ CHUNK_SIZE: 1, SHARDS: 16 })
})

test('all mistakes are reported at once, on one line', () => {
  const wrong = { CHUNK_SIZE: '0', SHARDS: 'many', LOG_LEVEL: 'loud', DATA_DIR: '' }
  const lines = [
    'DATA_DIR is ""; it must be a text that is not empty',
    'CHUNK_SIZE is "0"; it must be a whole number from 1 to 1000',
    'SHARDS is "many"; it must be a whole number from 1 to 1024',
    'LOG_LEVEL is "loud"; it must be one of fatal, error, warn, info, debug, silent',
  ]
  for (const line of lines) expect(() => readConfig(wrong)).toThrow(line)
  expect(() => readConfig(wrong)).toThrow(/^[^\n]*$/)
})
