/**
 * The tests of `npm test` that cannot run in a browser, and why. Whatever is not named here has to run there: `npm run test:browser`
 * compares, and refuses a line that names no test.
 */
export interface Exception {
  /** A file, or every file of a folder where it ends with a slash. */
  readonly path: string
  /** The tests of the file whose full names begin so. Default: all. */
  readonly name?: string
  readonly because: string
  /** Whether it is not run over WebCrypto in Node either. */
  readonly nodeOnly?: true
}

export const exceptions: ReadonlyArray<Exception> = [
  {
    path: "test/bench/",
    because: "it runs benchmarks against node:crypto and a peer that needs Node",
    nodeOnly: true
  },
  {
    path: "test/demo/",
    because: "the demo is a program for Node",
    nodeOnly: true
  },
  {
    path: "test/docs/",
    because: "it runs examples as programs of Node, and reads files",
    nodeOnly: true
  },
  {
    path: "test/mutants/",
    because: "it changes and runs the sources, with Node",
    nodeOnly: true
  },
  {
    path: "test/node/",
    because: "it is about the layer for Node",
    nodeOnly: true
  },
  {
    path: "test/soak/",
    because: "the soak is a program for Node",
    nodeOnly: true
  },
  {
    path: "test/web/",
    because:
      "it compares the layer on WebCrypto with node:crypto; the contract of all layers is in test/crypto/Primitives.test.ts",
    nodeOnly: true
  },
  {
    path: "test/hierarchical/postgres/",
    because: "its client is one for Node",
    nodeOnly: true
  },
  {
    path: "test/hierarchical/model/",
    because: "it orders fibers one by one, by turns of Node's event loop"
  },
  {
    path: "test/hierarchical/zeroing.test.ts",
    because: "it orders fibers one by one, by turns of Node's event loop"
  },
  {
    path: "test/hierarchical/dynamodb/",
    because: "it needs the AWS SDK's client of DynamoDB, which is for servers: no page is to have the permissions"
  },
  {
    path: "test/caching/idle-process.test.ts",
    because: "it starts a process of Node, and waits for its end"
  },
  {
    path: "test/caching/model/",
    because: "it orders fibers one by one, which it can where every operation of Primitives is one step: in Node",
    nodeOnly: true
  },
  {
    path: "test/caching/parallel.test.ts",
    name: "messages in parallel, of a client over KMS",
    because: "it is about the synchronous layer for Node"
  },
  ...["P-256", "P-384"].flatMap((curve) => [
    {
      path: "test/crypto/Ecdsa.test.ts",
      name: `Ecdsa on ${curve} writes a signature that node verifies`,
      because: "its oracle is node:crypto; the browser's signatures cross to Node in test/peers/browser.test.ts"
    },
    {
      path: "test/crypto/Ecdsa.test.ts",
      name: `Ecdsa on ${curve} compresses points as node does`,
      because: "as above"
    },
    {
      path: "test/crypto/Ecdsa.test.ts",
      name: `Ecdsa on ${curve} makes a signature of any length`,
      because: "as above"
    }
  ]),
  {
    path: "test/client/secondCopy.test.ts",
    because: "it loads the sources twice, which a page does once"
  },
  {
    path: "test/crypto/Primitives.test.ts",
    name: "Primitives PKCS1 ",
    because: "WebCrypto has no PKCS #1 v1.5 padding; that it is refused is a test of the same file"
  },
  {
    path: "test/interop/",
    because: "the JavaScript SDK runs in Node there; the browser's messages cross to it in test/peers/browser.test.ts"
  },
  {
    path: "test/model/errors.test.ts",
    name: "every error class NodeStreamError",
    because: "no page has the streams of Node"
  },
  ...["TableNotFound", "KeySchemaMismatch", "TableNotActive", "BranchKeyTableError"].map((name) => ({
    path: "test/model/errors.test.ts",
    name: `every error class ${name} `,
    because: "its entry point needs the AWS SDK's client of DynamoDB, which is for servers"
  })),
  {
    path: "test/kms/governor/programs.test.ts",
    because: "it orders fibers one by one, by turns of Node's event loop"
  },
  {
    path: "test/kms/AwsKms.answers.test.ts",
    because: "as test/kms/AwsKms.test.ts"
  },
  {
    path: "test/kms/AwsKms.clients.test.ts",
    because: "as test/kms/AwsKms.test.ts"
  },
  {
    path: "test/kms/AwsKms.errors.test.ts",
    because: "as test/kms/AwsKms.test.ts"
  },
  {
    path: "test/kms/AwsKms.regions.test.ts",
    because: "it calls nothing but needs the AWS SDK, which test/peers/browser.test.ts loads in a page"
  },
  {
    path: "test/kms/AwsKms.test.ts",
    because:
      "it serves the answers of a KMS itself, by node:http; a page meets a KMS server in test/peers/browser.test.ts"
  },
  {
    path: "test/raw/RawRsaKeyring.test.ts",
    name: "RawRsaKeyring with PKCS1,",
    because: "WebCrypto has no PKCS #1 v1.5 padding; that it is refused is in test/crypto/Primitives.test.ts"
  },
  {
    path: "test/raw/RawRsaKeyring.test.ts",
    name: "RawRsaKeyring PKCS1:",
    because: "as above"
  },
  {
    path: "test/stream/files.test.ts",
    because: "it reads and writes files"
  },
  {
    path: "test/stream/nodeStreams.test.ts",
    because: "it is about the streams of Node"
  }
]
