"""The AWS Encryption SDK for Python as a process: one JSON request a line on standard input, one JSON answer a line.

Ends when standard input closes. Bytes are base64.
"""

import base64
import datetime
import io
import json
import logging
import sys

import aws_encryption_sdk
import boto3
from aws_encryption_sdk import (
    CachingCryptoMaterialsManager,
    CommitmentPolicy,
    DiscoveryAwsKmsMasterKeyProvider,
    LocalCryptoMaterialsCache,
    StrictAwsKmsMasterKeyProvider,
)
from aws_encryption_sdk.identifiers import Algorithm, EncryptionKeyType, WrappingAlgorithm
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.kms import DiscoveryFilter
from aws_encryption_sdk.key_providers.raw import RawMasterKeyProvider
from botocore.config import Config
from botocore.exceptions import ClientError

AES = {
    16: WrappingAlgorithm.AES_128_GCM_IV12_TAG16_NO_PADDING,
    24: WrappingAlgorithm.AES_192_GCM_IV12_TAG16_NO_PADDING,
    32: WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
}
RSA = {
    "PKCS1": WrappingAlgorithm.RSA_PKCS1,
    "OAEP-SHA1": WrappingAlgorithm.RSA_OAEP_SHA1_MGF1,
    "OAEP-SHA256": WrappingAlgorithm.RSA_OAEP_SHA256_MGF1,
    "OAEP-SHA384": WrappingAlgorithm.RSA_OAEP_SHA384_MGF1,
    "OAEP-SHA512": WrappingAlgorithm.RSA_OAEP_SHA512_MGF1,
}


def wrapping_key(key):
    if key["type"] == "aes":
        material = base64.b64decode(key["key"])
        return WrappingKey(AES[len(material)], material, EncryptionKeyType.SYMMETRIC)
    kind = EncryptionKeyType.PRIVATE if "PRIVATE KEY" in key["pem"] else EncryptionKeyType.PUBLIC
    return WrappingKey(RSA[key["padding"]], key["pem"].encode(), kind)


def provider_of(key):
    if key["type"] == "kms":
        return StrictAwsKmsMasterKeyProvider(key_ids=key["keyIds"])
    if key["type"] == "kms-discovery":
        return DiscoveryAwsKmsMasterKeyProvider(
            discovery_filter=DiscoveryFilter(account_ids=key["accountIds"], partition=key["partition"])
        )

    class Provider(RawMasterKeyProvider):
        provider_id = key["namespace"]

        def _get_raw_key(self, key_id):
            return wrapping_key(key)

    provider = Provider()
    provider.add_master_key(key["name"])
    return provider


def key_provider(keys):
    first, *rest = [provider_of(key) for key in keys]
    for other in rest:
        first.add_master_key_provider(other)
    return first


def materials_of(keys):
    """The named argument of the client's calls."""
    if keys[0]["type"] != "mpl":
        return {"key_provider": key_provider(keys)}
    # It takes seconds to import.
    import mpl

    return mpl.materials_of(keys[0])


def client_for(suite):
    policy = (
        CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
        if suite.is_committing()
        else CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT
    )
    return aws_encryption_sdk.EncryptionSDKClient(commitment_policy=policy)


def encrypt(request):
    suite = Algorithm.get_by_id(request["suite"])
    message, header = client_for(suite).encrypt(
        source=base64.b64decode(request["plaintext"]),
        encryption_context=request["encryptionContext"],
        algorithm=suite,
        frame_length=request["frameLength"],
        **materials_of(request["keys"]),
    )
    return {"message": base64.b64encode(message).decode(), "encryptionContext": header.encryption_context}


def encrypt_cached(request):
    """Several messages under one data key."""
    suite = Algorithm.get_by_id(request["suite"])
    manager = CachingCryptoMaterialsManager(
        master_key_provider=key_provider(request["keys"]), cache=LocalCryptoMaterialsCache(10), max_age=600.0
    )
    client = client_for(suite)
    messages = [
        client.encrypt(
            source=base64.b64decode(plaintext),
            materials_manager=manager,
            encryption_context=request["encryptionContext"],
            algorithm=suite,
        )[0]
        for plaintext in request["plaintexts"]
    ]
    return {"messages": [base64.b64encode(message).decode() for message in messages]}


def decrypt(request):
    client = aws_encryption_sdk.EncryptionSDKClient(
        commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT
    )
    plaintext, header = client.decrypt(
        source=base64.b64decode(request["message"]),
        **({"encryption_context": request["encryptionContext"]} if "encryptionContext" in request else {}),
        **materials_of(request["keys"]),
    )
    return {
        "plaintext": base64.b64encode(plaintext).decode(),
        "encryptionContext": header.encryption_context,
        "suite": header.algorithm.algorithm_id,
        "encryptedDataKeys": len(header.encrypted_data_keys),
    }


def through(reader, size):
    """All that a stream gives, read in pieces of this many bytes."""
    parts = []
    with reader as stream:
        while True:
            part = stream.read(size)
            if not part:
                return b"".join(parts)
            parts.append(part)


def encrypt_stream(request):
    suite = Algorithm.get_by_id(request["suite"])
    plaintext = base64.b64decode(request["plaintext"])
    stream = client_for(suite).stream(
        mode="e",
        source=io.BytesIO(plaintext),
        source_length=len(plaintext) if request["knownLength"] else None,
        key_provider=key_provider(request["keys"]),
        encryption_context=request["encryptionContext"],
        algorithm=suite,
        frame_length=request["frameLength"],
    )
    return {"message": base64.b64encode(through(stream, request["size"])).decode()}


def decrypt_stream(request):
    client = aws_encryption_sdk.EncryptionSDKClient(
        commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT
    )
    stream = client.stream(
        mode="d",
        source=io.BytesIO(base64.b64decode(request["message"])),
        key_provider=key_provider(request["keys"]),
    )
    return {"plaintext": base64.b64encode(through(stream, request["size"])).decode()}


def from_json(value):
    """Bytes are objects with the one key $bytes."""
    if isinstance(value, dict):
        if set(value) == {"$bytes"}:
            return base64.b64decode(value["$bytes"])
        return {key: from_json(item) for key, item in value.items()}
    return [from_json(item) for item in value] if isinstance(value, list) else value


def to_json(value):
    """The reverse; dates are milliseconds."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return [to_json(item) for item in value] if isinstance(value, list) else value


def kms(request):
    """One call of boto3 to a KMS server, by the name that boto3 gives it. The server decides what is valid."""
    client = boto3.client(
        "kms",
        endpoint_url=request["endpoint"],
        region_name=request["region"],
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    try:
        output = getattr(client, request["call"])(**from_json(request["input"]))
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return {"code": error.response["Error"]["Code"], "status": status}
    request_id = output.pop("ResponseMetadata")["RequestId"]
    return {"output": to_json(output), "requestId": request_id}


def key_store(request):
    """One call of the branch key store."""
    # It takes seconds to import.
    import keystore

    return keystore.call(request)


# Where a test expects an error, the SDK would print it with its stack.
logging.disable(logging.CRITICAL)

OPERATIONS = {
    "kms": kms,
    "keyStore": key_store,
    "encrypt": encrypt,
    "encryptCached": encrypt_cached,
    "decrypt": decrypt,
    "encryptStream": encrypt_stream,
    "decryptStream": decrypt_stream,
}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = OPERATIONS[request["operation"]](request)
    except Exception as error:  # whatever it is, the test decides
        answer = {"error": type(error).__name__, "description": str(error)}
    print(json.dumps({"id": request["id"], **answer}), flush=True)
