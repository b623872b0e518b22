package awsfake

import (
	"fmt"
	"net/http"
)

// apiError is an error answer of an AWS service.
type apiError struct {
	code    string
	message string
	status  int
	query   string // SQS: the code of the older query protocol, in a header of its own
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func refuse(code, format string, args ...any) *apiError {
	return &apiError{code: code, message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
}

func invalidRequest(format string, args ...any) *apiError {
	return refuse("InvalidRequestException", format, args...)
}

func invalidParameter(format string, args ...any) *apiError {
	return refuse("InvalidParameterException", format, args...)
}

func notFound(format string, args ...any) *apiError {
	return refuse("ResourceNotFoundException", format, args...)
}

func noSecret() *apiError { return notFound("Secrets Manager can't find the specified secret.") }

func markedForDeletion() *apiError {
	return invalidRequest("You can't perform this operation on the secret because it was marked for deletion.")
}

func accessDenied(format string, args ...any) *apiError {
	return refuse("AccessDeniedException", format, args...)
}

func kmsDenied() *apiError { return accessDenied("Access to KMS is not allowed") }
