/** Descriptors that lie: about sizes and digests, about where content is, about what the manifest is about. */
import { accepted, refused, type Theme } from '../row.ts'
import { MANIFEST, UNKNOWN } from '../stock.ts'
import { base, child, config, INDEX, index, invalid, push, TAKEN } from './push-manifest.ts'

const DESCRIPTOR = 'image-spec descriptor.md "Properties"'
const MISSING = refused(400, 'MANIFEST_BLOB_UNKNOWN')

const withConfig = (fields: object) => push({ ...base, config: { ...config, ...fields } })

export const descriptors: Theme = {
  theme: 'a manifest',
  rows: [
    {
      name: 'with a negative size',
      send: withConfig({ size: -1 }),
      answer: invalid('config.size'),
      source: DESCRIPTOR,
    },
    {
      name: 'with a fraction of a byte',
      send: withConfig({ size: 1.5 }),
      answer: invalid('config.size'),
      source: `${DESCRIPTOR}: int64`,
      peer: 'the same',
    },
    {
      name: 'with a size of 2^63',
      send: push(JSON.stringify(base).replace(/"size":\d+/, '"size":9223372036854775808')),
      answer: invalid('config.size'),
      source: `${DESCRIPTOR}: int64`,
    },
    {
      name: 'with a size that no number holds',
      send: push(JSON.stringify(base).replace(/"size":\d+/, '"size":1e400')),
      answer: invalid('config.size'),
      source: `${DESCRIPTOR}: int64`,
    },
    {
      name: 'with a size in powers',
      send: push(JSON.stringify(base).replace(/"size":\d+/, '"size":1e3')),
      answer: TAKEN,
      source: 'RFC 8259 §6: 1e3 is the number 1000',
      peer: { status: 400, because: "Go's decoder takes no powers for an int64; RFC 8259 §6 does" },
    },
    {
      name: 'with a size that is a text',
      send: withConfig({ size: '5' }),
      answer: invalid('config.size'),
      source: DESCRIPTOR,
    },
    {
      name: 'without a size',
      send: withConfig({ size: undefined }),
      answer: invalid('config.size'),
      source: DESCRIPTOR,
    },
    {
      name: 'with a digest of MD5',
      send: withConfig({ digest: 'md5:d41d8cd98f00b204e9800998ecf8427e' }),
      answer: invalid('config.digest'),
      source: DESCRIPTOR,
    },
    {
      name: 'with a digest that is a path',
      send: withConfig({ digest: 'sha256:../../../../canary' }),
      answer: invalid('config.digest'),
      source: DESCRIPTOR,
    },
    {
      name: 'with a digest that is a list',
      send: withConfig({ digest: [config.digest] }),
      answer: invalid('config.digest must be a text'),
      source: DESCRIPTOR,
    },
    {
      name: 'with a config that nobody has pushed',
      send: withConfig({ digest: UNKNOWN }),
      answer: MISSING,
      source: 'distribution-spec "Pushing Manifests"',
      peer: 'the same',
    },
    {
      name: 'with a child that nobody has pushed',
      send: push({ ...index, manifests: [{ ...child, digest: UNKNOWN }] }, INDEX),
      answer: TAKEN,
      source: 'docs/decisions/missing-content.md; image-spec image-index.md',
      peer: {
        status: 400,
        because:
          'docker-registry wants every child; docs/decisions/missing-content.md: build tools push sparse indexes',
      },
    },
    {
      name: 'with layers that are an object',
      send: push({ ...base, layers: { 0: config } }),
      answer: invalid('layers must be a list'),
      source: 'image-spec manifest.md "layers"',
    },
    {
      name: 'with a layer that is null',
      send: push({ ...base, layers: [null] }),
      answer: invalid('layers[0]'),
      source: 'image-spec manifest.md "layers"',
    },
    {
      name: 'with layers that stand elsewhere, on the machine itself',
      send: push({
        ...base,
        layers: [
          {
            ...config,
            digest: UNKNOWN,
            urls: ['http://169.254.169.254/latest/meta-data/', 'file:///etc/passwd'],
          },
        ],
      }),
      answer: TAKEN,
      source: `${DESCRIPTOR}: urls; nothing here fetches them (CWE-918)`,
      peer: 'the same',
    },
    {
      name: 'with urls that are no texts',
      send: push({ ...base, layers: [{ ...config, urls: [1] }] }),
      answer: invalid('layers[0].urls[0]'),
      source: DESCRIPTOR,
    },
    {
      name: 'with embedded data that is a lie',
      send: withConfig({ data: 'ZXZpbA==' }),
      answer: TAKEN,
      source: `${DESCRIPTOR}: data SHOULD be verified by consumers`,
      peer: 'the same',
    },
    {
      name: 'with a config of a type that splits a line',
      send: withConfig({ mediaType: 'a/b\r\nX-Evil: 1' }),
      answer: TAKEN,
      source: 'image-spec manifest.md: an unknown type is no error; it is in no header',
    },
    {
      name: 'of an artifact type that splits a line',
      send: push({ ...base, artifactType: 'a/b\r\nX-Evil: 1' }),
      answer: invalid('not a media type'),
      source: 'image-spec manifest.md "artifactType"; CWE-113',
    },
    {
      name: 'with an annotation that is a number',
      send: push({ ...base, annotations: { evil: 1 } }),
      answer: invalid('annotations["evil"]'),
      source: 'image-spec annotations.md "Rules"',
    },
    {
      name: 'with annotations in a list',
      send: push({ ...base, annotations: ['evil'] }),
      answer: invalid('annotations'),
      source: 'image-spec annotations.md "Rules"',
    },
    {
      name: 'about a subject that is a text',
      send: push({ ...base, subject: MANIFEST.digest }),
      answer: invalid('subject must be a JSON object'),
      source: DESCRIPTOR,
    },
    {
      name: 'about a subject that is a path',
      send: push({ ...base, subject: { ...child, digest: '../../canary' } }),
      answer: invalid('subject.digest'),
      source: DESCRIPTOR,
    },
    {
      name: 'about several subjects',
      send: push({ ...base, subject: [child, child] }),
      answer: invalid('subject must be a JSON object'),
      source: DESCRIPTOR,
    },
    {
      name: 'about a subject that may come later',
      send: push({ ...base, subject: { ...child, digest: UNKNOWN } }),
      answer: accepted(201, { 'oci-subject': new RegExp(`^${UNKNOWN}$`) }),
      source: 'distribution-spec "Pushing Manifests with Subject"',
    },
  ],
}
