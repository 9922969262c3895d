/** Messages survive any way in which a stream cuts them and a socket refuses them. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { encodeFrame, FrameDecoder, FrameWriter } from './frames.ts'

const messages = fc.array(
  fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.maxSafeInteger(),
    fc.record({ a: fc.array(fc.string()), b: fc.constant(null) }),
  ),
  { maxLength: 10 },
)

test('messages come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(encodeFrame))
      const decoder = new FrameDecoder()
      const received: unknown[] = []
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const length = cuts[turn % cuts.length] ?? 1
        received.push(...decoder.take(stream.subarray(at, at + length)))
        at += length
      }
      expect(received).toEqual(sent)
    }),
  )
})

test('bytes that a socket does not take at once follow in order', async () => {
  const taken: Uint8Array[] = []
  let room = 3
  const writer = new FrameWriter({
    write(bytes) {
      const part = bytes.slice(0, room)
      room -= part.length
      taken.push(part)
      return part.length
    },
  })
  const frames = ['one', 'two', 'three'].map(encodeFrame)
  for (const frame of frames) writer.send(frame)
  await Promise.resolve()
  writer.send(encodeFrame('four'))
  for (let turn = 0; turn < 30; turn++) {
    room = turn
    writer.flush()
  }
  expect(new FrameDecoder().take(Buffer.concat(taken))).toEqual(['one', 'two', 'three', 'four'])
})

test('a length that no Berth writes ends the conversation', () => {
  expect(() => new FrameDecoder().take(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow(
    'not a Berth of this version',
  )
})
