# What keyturn may do. The JSON files are the only source: keyturn's tests
# refuse every call that they don't allow. Here they get their ARNs, and lose
# statements about nothing (no KMS key, no rotation function), which IAM refuses.

locals {
  documents = {
    for name in ["watch", "rotate"] : name => jsondecode(templatefile("${path.module}/policies/${name}.json", local.placeholders))
  }

  policies = {
    for name, document in local.documents : name => jsonencode({
      Version   = document.Version
      Statement = [for statement in document.Statement : statement if length(statement.Resource) > 0]
    })
  }
}
