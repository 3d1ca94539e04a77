"""The sections of mrjob.conf that lead `-r emr` to what is deployed, with a cluster or on EMR Serverless."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

KEY = ".sensor-jobs/mrjob.conf"


def text(outputs: Mapping[str, str], prefix: str, region: str) -> str:
    """mrjob.conf for clusters in the private subnets, in their roles, tagged as the roles require."""
    options = {
        "region": region,
        "subnet": outputs["Subnets"].split(","),
        "iam_service_role": outputs["EmrServiceRole"],
        "iam_instance_profile": outputs["NodeProfile"],
        "cloud_tmp_dir": f"s3://{outputs['LakeBucket']}/.sensor-jobs/runs/",
        "cloud_log_dir": f"s3://{outputs['LogsBucket']}/clusters/",
        "tags": {"for-use-with-amazon-emr-managed-policies": "true", "project": prefix},
        "extra_cluster_params": {
            "SecurityConfiguration": outputs["SecurityConfiguration"],
            "Instances.EmrManagedMasterSecurityGroup": outputs["PrimaryGroup"],
            "Instances.EmrManagedSlaveSecurityGroup": outputs["CoreGroup"],
            "Instances.ServiceAccessSecurityGroup": outputs["ServiceGroup"],
        },
    }
    serverless = {
        "execution_role": outputs["ExecutionRoleArn"],
        "cloud_log_dir": f"s3://{outputs['LogsBucket']}/serverless/",
        "tags": {"project": prefix},
    }
    return yaml.safe_dump({"runners": {"emr": options, "serverless": serverless}}, sort_keys=False)
