"""The moto server for the tests, of KMS and DynamoDB: on a free port of 127.0.0.1, until standard input closes.

Prints one line when it is ready: {"port": …}.

moto keeps the state of a key, but lets a disabled key and one that is pending deletion encrypt and decrypt all the same.
What AWS KMS answers then is added here, in the words of its API reference.

Its DynamoDB carries out requests in threads, and undoes a failed transaction by putting the whole table back, with what another
request has written meanwhile. Here a request waits for the transaction before it, as a transaction and a read of DynamoDB are
serializable.
"""

import json
import logging
import sys
import threading

from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import DynamoDBBackend
from moto.kms.models import KmsBackend
from moto.server import ThreadedMotoServer


def require_usable(key):
    if key.key_state == "Disabled":
        raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")
    if key.key_state == "PendingDeletion":
        raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")


original_encrypt = KmsBackend.encrypt
original_decrypt = KmsBackend.decrypt


def encrypt(self, key_id, plaintext, encryption_context):
    key = self.keys.get(self.any_id_to_key_id(key_id))
    if key is not None:
        require_usable(key)
    return original_encrypt(self, key_id, plaintext, encryption_context)


def decrypt(self, ciphertext_blob, encryption_context, key_id=None):
    plaintext, arn = original_decrypt(self, ciphertext_blob, encryption_context, key_id)
    require_usable(self.keys[self.get_key_id(arn)])
    return plaintext, arn


KmsBackend.encrypt = encrypt
KmsBackend.decrypt = decrypt

one_at_a_time = threading.RLock()


def serialized(operation):
    def run(*args, **kwargs):
        with one_at_a_time:
            return operation(*args, **kwargs)

    return run


for name in ["create_table", "get_item", "transact_write_items"]:
    setattr(DynamoDBBackend, name, serialized(getattr(DynamoDBBackend, name)))

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(json.dumps({"port": server.get_host_and_port()[1]}), flush=True)
sys.stdin.read()
server.stop()
